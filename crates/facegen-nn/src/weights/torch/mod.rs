//! Checkpoints of torch: a zip archive of a pickle, which names tensors, and of
//! the storages that they lie in.
//!
//! The pickle is read, never executed. A tensor's bytes are read when it is
//! asked for, from where they lie in the file.

mod archive;
mod records;
mod stored;

pub use archive::TorchArchive;
