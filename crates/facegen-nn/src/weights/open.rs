//! Opens any kind of checkpoint, recognised by its content.

use std::path::Path;
use std::sync::Arc;

use super::directory;
use super::single_file::open_file;
use super::{ShardedCheckpoint, TensorSource, WeightsError};

/// Opens a checkpoint of any layout: recognises a directory and an index by
/// what they are on disk, a file by its first bytes.
pub(super) fn open(path: &Path) -> Result<Arc<dyn TensorSource>, WeightsError> {
    if path.is_dir() {
        return open(&directory::choose(path)?);
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return Ok(Arc::new(ShardedCheckpoint::open(path)?));
    }
    open_file(path)
}
