//! Values that are not finite, in networks that compute: an error of their own,
//! never a black image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, safetensors};
use facegen_core::{Backend, BackendError, SlotEvent};
use facegen_engine::CandleBackend;

use crate::styles::{Presets, input};

/// Returns how the only request of a backend ends.
pub(crate) fn end_of(backend: &mut CandleBackend) -> SlotEvent {
    loop {
        for event in backend.tick() {
            if !matches!(event, SlotEvent::Progress { .. }) {
                return event;
            }
        }
    }
}

/// Returns the only file below a directory.
fn file_below(directory: &Path) -> PathBuf {
    let mut files = directory.read_dir().unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

/// Writes a copy of a checkpoint with `value` in every element of a tensor.
fn spoil(checkpoint: &Path, tensor: &str, value: f32) -> PathBuf {
    let mut tensors: HashMap<String, Tensor> = safetensors::load(checkpoint, &Device::Cpu).unwrap();
    let spoilt = tensors.get_mut(tensor).unwrap();
    *spoilt = Tensor::full(value, spoilt.shape(), &Device::Cpu).unwrap();
    let path = checkpoint.with_file_name("spoilt.safetensors");
    safetensors::save(&tensors, &path).unwrap();
    path
}

#[test]
fn an_image_that_is_not_finite_is_an_error_of_its_own() {
    let presets = Presets::new();
    let random = presets.write(|manifest| manifest).unwrap();
    let mut backend = presets.load(&random);
    backend.admit(&input(&[("prompt", "a portrait")])).unwrap();
    assert!(matches!(end_of(&mut backend), SlotEvent::Finished { .. }));

    let checkpoint = file_below(&presets.data_dir().join("synthetic/random/vae"));
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let spoilt = spoil(&checkpoint, "decoder.conv_out.bias", value);
        let source = format!("source = {{ path = {spoilt:?} }}");
        let preset = presets.write(|it| it.replace("source = { synthetic = 5 }", &source));
        let mut backend = presets.load(&preset.unwrap());
        let admitted = backend.admit(&input(&[("prompt", "a portrait")])).unwrap();
        let end = end_of(&mut backend);
        let SlotEvent::Failed { slot, error } = end else {
            panic!("{value}: {end:?}");
        };
        assert_eq!(slot, admitted);
        assert_eq!(error, BackendError::NotFinite, "{value}");
        assert_eq!(backend.active(), 0);
    }
}
