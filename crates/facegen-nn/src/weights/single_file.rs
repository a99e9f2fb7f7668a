use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{MappedSafetensors, TensorSource, TorchArchive, WeightsError, mistaken_for};

/// How a zip archive begins, which is what torch writes.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// How a pickle begins, which is what torch wrote before 1.6.
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
        // Nothing that can be read is mistaken for something else.
        Err(error) => Err(match mistaken_for(path) {
            Some(what) => WeightsError::unreadable(path, &format!("it is {what}, not weights")),
            None => error,
        }),
    }
}

/// The length of a safetensors header and the bracket that begins it.
fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(9);
    File::open(path)?.take(9).read_to_end(&mut start)?;
    Ok(start)
}
