use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{MappedSafetensors, TensorSource, TorchArchive, WeightsError, mistaken_for};

/// The beginning of a zip archive, which torch writes.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// The beginning of a pickle, which torch wrote before 1.6.
const PICKLE: u8 = 0x80;

/// Opens one file of tensors.
pub(super) fn open_file(path: &Path) -> Result<Arc<dyn TensorSource>, WeightsError> {
    let start = first_bytes(path).map_err(|error| WeightsError::unreadable(path, &error))?;
    if start.starts_with(&ZIP) {
        return Ok(Arc::new(TorchArchive::open(path)?));
    }
    if start.first() == Some(&PICKLE) && !start.ends_with(b"{") {
        let reason = "a torch checkpoint of the format before 1.6, which is not supported";
        return Err(WeightsError::unreadable(path, &reason));
    }
    match MappedSafetensors::open(path) {
        Ok(file) => Ok(Arc::new(file)),
        // Only unreadable files are checked, so no valid one is mistaken.
        Err(error) => Err(match mistaken_for(path) {
            Some(what) => WeightsError::unreadable(path, &format!("it is {what}, not weights")),
            None => error,
        }),
    }
}

/// Reads the length of a safetensors header and the bracket that begins it.
fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(9);
    File::open(path)?.take(9).read_to_end(&mut start)?;
    Ok(start)
}
