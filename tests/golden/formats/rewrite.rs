//! Copies of safetensors files with something changed.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempPath;

/// One tensor of a file.
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Creates a tensor of f32.
pub(super) fn tensor(shape: &[usize], values: &[f32]) -> Stored {
    Stored {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        bytes: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    }
}

/// Writes a changed copy, which is deleted when the path is dropped.
pub(super) fn rewritten(
    original: &Path,
    change: impl FnOnce(&mut BTreeMap<String, Stored>),
) -> TempPath {
    let bytes = std::fs::read(original).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| {
            let stored = Stored {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                bytes: view.data().to_vec(),
            };
            (name.to_owned(), stored)
        })
        .collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, stored)| {
        let shape = stored.shape.clone();
        (
            name,
            TensorView::new(stored.dtype, shape, &stored.bytes).unwrap(),
        )
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
    file.into_temp_path()
}

/// Writes a copy of the first `fraction` of a file.
pub(super) fn truncated(original: &Path, fraction: f64) -> TempPath {
    let bytes = std::fs::read(original).unwrap();
    let kept = (bytes.len() as f64 * fraction) as usize;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes[..kept]).unwrap();
    file.into_temp_path()
}
