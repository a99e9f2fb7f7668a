//! How much memory the loading of a checkpoint takes:
//! `cargo bench --bench loading -- MODEL CONFIG CHECKPOINT [PACK]`.
//!
//! `MODEL` is `unet`, `vae`, `text_encoder` or `image_encoder`, `CONFIG` its
//! `config.json`, and `CHECKPOINT` any file or directory that a preset can name.
//! The model is loaded for the CPU, and the anonymous memory of this process is
//! sampled meanwhile: pages that are mapped from a file can be dropped by the
//! system and do not count. It fails when the peak is more than 1.3 times what
//! the loaded model keeps.
//!
//! `PACK` is a file of packed weights: the first run writes it, later ones map
//! it. Then next to nothing is kept, and the peak is only printed.

mod packing;
mod watch;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device};
use facegen_diffusion::{
    AutoencoderKl, AutoencoderKlConfig, UNet2DConditionConfig, UNet2DConditionModel, checkpoint,
};
use facegen_nn::clip::{ClipTextModel, ClipVisionModel};
use facegen_nn::packs::Packing;
use facegen_nn::{Compute, Weights};
use serde::de::DeserializeOwned;

use self::watch::Watch;

/// The largest peak over what the model keeps.
const MOST_RATIO: f64 = 1.3;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let mut output = io::stdout();
    let [model, config, file, pack @ ..] = arguments.as_slice() else {
        writeln!(
            output,
            "usage: cargo bench --bench loading -- MODEL CONFIG CHECKPOINT [PACK]"
        )?;
        return Ok(());
    };
    let pack = pack.first().map(Path::new);
    let before = anonymous_memory()?;
    let (watch, started) = (
        Watch::start(|| anonymous_memory().unwrap_or(0)),
        Instant::now(),
    );
    // Kept until its memory has been read.
    let packing = pack.map_or(Ok(Packing::InMemory), |pack| {
        packing::of(pack, file, DType::F32)
    })?;
    let loaded = load(
        model,
        &PathBuf::from(config),
        &PathBuf::from(file),
        &packing,
    )?;
    if let Packing::Into(writer) = &packing {
        writer.finish()?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let kept = anonymous_memory()?.saturating_sub(before);
    let most = watch.take().saturating_sub(before).max(kept);
    drop(loaded);

    let ratio = most as f64 / kept as f64;
    writeln!(output, "{model} of {file}: {seconds:.1} s")?;
    writeln!(
        output,
        "keeps {} MiB, took {} MiB at most, {ratio:.3} times as much",
        kept >> 20,
        most >> 20
    )?;
    ensure!(
        pack.is_some() || ratio <= MOST_RATIO,
        "loading took more than {MOST_RATIO} times the model"
    );
    Ok(())
}

fn load(
    model: &str,
    config: &Path,
    file: &Path,
    packing: &Packing,
) -> Result<Box<dyn std::any::Any>> {
    let compute = &Compute::new(Device::Cpu, DType::F32);
    let weights = Weights::open(file)?.packing(packing);
    let (weights, loaded): (Weights, Box<dyn std::any::Any>) = match model {
        "unet" => {
            let config: UNet2DConditionConfig = read(config)?;
            let weights = checkpoint::unet(&weights, &config);
            let model = UNet2DConditionModel::load(&config, &weights, None, compute)?;
            (weights, Box::new(model))
        }
        "vae" => {
            let config: AutoencoderKlConfig = read(config)?;
            let weights = checkpoint::vae(&weights, &config);
            let model = AutoencoderKl::load(&config, &weights, compute)?;
            (weights, Box::new(model))
        }
        "text_encoder" => {
            let weights = checkpoint::text_encoder(&weights);
            let model = ClipTextModel::load(&read(config)?, &weights, compute)?;
            (weights, Box::new(model))
        }
        "image_encoder" => {
            let model = ClipVisionModel::load(&read(config)?, &weights, compute)?;
            (weights, Box::new(model))
        }
        other => bail!("there is no model {other}"),
    };
    weights.finish()?;
    Ok(loaded)
}

fn read<T: DeserializeOwned>(config: &Path) -> Result<T> {
    let text = fs::read(config).with_context(|| config.display().to_string())?;
    Ok(serde_json::from_slice(&text)?)
}

/// Returns the bytes of this process that no file backs.
fn anonymous_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.context("the system does not report anonymous memory")?;
    Ok(kibibytes.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}
