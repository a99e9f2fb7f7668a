//! What a preset needs of a machine.

use std::sync::LazyLock;

use facegen_core::Preset;
use facegen_core::preset::{Precision, Source};
use facegen_engine::Footprint;
use facegen_engine::precision::peak_on_cpu;
use facegen_hub::{PresetFile, read_local};
use indicatif::HumanBytes;
use serde::Serialize;

/// The memory for the weights of a preset, in bytes; `None` where a config or
/// the size of a file is not known. Images in progress take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Needs {
    /// On a machine that computes on its CPU.
    pub(crate) ram_bytes: Option<u64>,
    /// Of a GPU. The networks in ONNX run on the CPU.
    pub(crate) vram_bytes: Option<u64>,
}

impl Needs {
    /// Computes what a preset needs; `files` are those of its hub.
    pub(crate) fn of(preset: &Preset, files: &[PresetFile]) -> Self {
        let footprint = Footprint::of(preset, |path| read_local(preset, path)).ok();
        let weights = |is_gpu| {
            let precision = preset.options().precision(is_gpu);
            footprint.map(|footprint| footprint.weights(precision))
        };
        let onnx = onnx_bytes(preset, files);
        Self {
            ram_bytes: weights(false)
                .zip(onnx)
                .map(|(weights, onnx)| weights + onnx),
            vram_bytes: weights(true),
        }
    }
}

/// Returns the seconds that the UNet of a preset takes on this machine's CPU, were
/// its kernels always as fast as they can be; `None` where a config is not known.
pub(crate) fn least_seconds(preset: &Preset) -> Option<f64> {
    static F32: LazyLock<f64> = LazyLock::new(|| peak_on_cpu(Precision::F32));
    static BF16: LazyLock<f64> = LazyLock::new(|| peak_on_cpu(Precision::Bf16));
    let footprint = Footprint::of(preset, |path| read_local(preset, path)).ok()?;
    let peak = match preset.options().precision(false) {
        Precision::Bf16 => *BF16,
        Precision::F32 | Precision::F16 => *F32,
    };
    Some(footprint.seconds(peak))
}

/// Formats bytes that were computed, `-` where they could not be.
pub(crate) fn about(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("~{}", HumanBytes(bytes)))
}

/// Returns the bytes of the networks in ONNX.
fn onnx_bytes(preset: &Preset, files: &[PresetFile]) -> Option<u64> {
    let components = preset.components();
    let own = [("face_detector", Some(&components.face_detector))];
    let embedder = [("face_embedder", components.face_embedder.as_ref())];
    let networks = own.into_iter().chain(embedder);
    let bytes = networks.filter_map(|(name, component)| Some((name, component?)));
    bytes
        .map(|(name, component)| match &component.source {
            Source::Path(path) => read_local(preset, path).ok().map(|it| it.len() as u64),
            Source::Hub(_) => files.iter().find(|file| file.component == name)?.bytes,
            Source::Synthetic(_) => None,
        })
        .sum()
}
