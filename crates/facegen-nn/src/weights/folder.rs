//! Which file of a diffusers or transformers folder is the checkpoint.

use std::path::{Path, PathBuf};

use super::WeightsError;

/// Every name that the libraries give a checkpoint, in the order of preference:
/// full precision before half, because a full file rounded gives what the half
/// one holds, and within a precision safetensors before pickles.
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

/// The preferred checkpoint of a folder.
///
/// # Errors
/// When the folder has none.
pub(super) fn choose(folder: &Path) -> Result<PathBuf, WeightsError> {
    NAMES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let names = NAMES.join(", ");
            WeightsError::unreadable(folder, &format!("it has none of {names}"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_precision_comes_before_half_and_safetensors_before_pickles() {
        let folder = tempfile::tempdir().unwrap();
        // Added one by one, each better than all before.
        for name in NAMES.iter().rev() {
            let path = folder.path().join(name);
            std::fs::write(&path, []).unwrap();
            assert_eq!(choose(folder.path()).unwrap(), path);
        }
    }

    #[test]
    fn a_folder_without_a_checkpoint_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        let error = choose(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        assert!(error.contains("model.fp16.safetensors"), "{error}");
    }
}
