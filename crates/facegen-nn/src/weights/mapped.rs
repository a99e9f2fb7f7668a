//! safetensors files, memory-mapped.

#![expect(
    unsafe_code,
    reason = "mapping a checkpoint avoids a copy of gigabytes"
)]

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{Device, Tensor};

use super::{TensorSource, WeightsError};

/// A memory-mapped safetensors file.
pub struct MappedSafetensors {
    path: PathBuf,
    file: MmapedSafetensors,
}

impl MappedSafetensors {
    /// Maps the file and checks its header.
    ///
    /// # Errors
    /// Fails when it is missing, truncated or not in the format.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        // SAFETY: the map is only read, and its bytes are copied into tensors
        // of their own. Model files are replaced by renaming, never rewritten
        // in place, so the mapped bytes do not change.
        let file = unsafe { MmapedSafetensors::new(path) };
        let file = file.map_err(|error| WeightsError::unreadable(path, &without_path(error)))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }
}

/// Removes the path from an error, since our own error names it.
fn without_path(error: candle_core::Error) -> candle_core::Error {
    if let candle_core::Error::WithPath { inner, .. } = error {
        return *inner;
    }
    error
}

impl TensorSource for MappedSafetensors {
    fn load(&self, name: &str, _shape: &[usize]) -> Result<Tensor, WeightsError> {
        if !self.contains(name) {
            return Err(WeightsError::Missing {
                tensor: name.to_owned(),
                file: self.origin(),
            });
        }
        Ok(self.file.load(name, &Device::Cpu)?)
    }

    fn contains(&self, name: &str) -> bool {
        self.file.get(name).is_ok()
    }

    fn names(&self) -> Vec<String> {
        self.file
            .tensors()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn origin(&self) -> String {
        self.path.display().to_string()
    }
}

impl fmt::Debug for MappedSafetensors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("MappedSafetensors")
            .field(&self.path)
            .finish()
    }
}
