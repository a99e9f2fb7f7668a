//! Checkpoints of torch: a zip archive of a pickle, which names tensors, and of
//! the storages that hold them.
//!
//! The pickle is parsed, never executed. A tensor's bytes are read from the
//! file when it is requested.

mod archive;
mod records;
mod stored;

pub use archive::TorchArchive;
