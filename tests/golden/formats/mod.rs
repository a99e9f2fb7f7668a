//! The formats and layouts in which checkpoints are published.
//!
//! `python/formats.py` has the libraries write tiny ones, whose every tensor
//! follows from its name. A format is read correctly when a model of it
//! computes the same as that model of those values, bit for bit.

mod adapters;
mod faults;
mod layouts;
mod lora_file;
mod models;
mod originals;
mod pickles;
mod plain;
mod rewrite;

use std::path::PathBuf;

/// Returns a file or directory of `data/formats`.
fn path(name: &str) -> PathBuf {
    crate::support::data("formats").join(name)
}
