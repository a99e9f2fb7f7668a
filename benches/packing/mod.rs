//! The file of packed weights that a measurement names.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use facegen_nn::packs::{PackFile, PackIdentity, PackWriter, Packing};

/// Maps the pack of a checkpoint, or begins to write it.
pub(crate) fn of(pack: &Path, checkpoint: &str, dtype: DType) -> Result<Packing> {
    let identity = PackIdentity {
        source: checkpoint.to_owned(),
        kernel: dtype.as_str().to_owned(),
    };
    Ok(match PackFile::open(pack, &identity)? {
        Some(pack) => Packing::From(Arc::new(pack)),
        None => Packing::Into(Arc::new(PackWriter::create(pack, identity, 0)?)),
    })
}
