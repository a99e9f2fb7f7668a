//! The choice of the checkpoint in a diffusers or transformers directory.

use std::path::{Path, PathBuf};

use super::WeightsError;

/// Every name that the libraries give a checkpoint, in the order of preference:
/// full precision before half, because rounding the full file yields the half
/// one, and within a precision safetensors before pickles.
const NAMES: [&str; 16] = [
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.fp16.safetensors",
    "model.fp16.safetensors",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
    "model.safetensors.index.fp16.json",
    "diffusion_pytorch_model.fp16.bin",
    "pytorch_model.fp16.bin",
    "diffusion_pytorch_model.bin.index.fp16.json",
    "pytorch_model.bin.index.fp16.json",
];

/// Chooses the preferred checkpoint of a directory.
///
/// # Errors
/// Fails when the directory has none.
pub(super) fn choose(directory: &Path) -> Result<PathBuf, WeightsError> {
    NAMES
        .iter()
        .map(|name| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let names = NAMES.join(", ");
            WeightsError::unreadable(directory, &format!("it has none of {names}"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_precision_comes_before_half_and_safetensors_before_pickles() {
        let directory = tempfile::tempdir().unwrap();
        // Added one by one, each preferred to all before.
        for name in NAMES.iter().rev() {
            let path = directory.path().join(name);
            std::fs::write(&path, []).unwrap();
            assert_eq!(choose(directory.path()).unwrap(), path);
        }
    }

    #[test]
    fn a_directory_without_a_checkpoint_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.json"), "{}").unwrap();
        let error = choose(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains(&directory.path().display().to_string()),
            "{error}"
        );
        assert!(error.contains("model.fp16.safetensors"), "{error}");
    }
}
