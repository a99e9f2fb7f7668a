//! The formats and layouts in which checkpoints are published.
//!
//! `python/formats.py` has the libraries write tiny ones, whose every tensor
//! follows from its name. A format is read right where a model of it computes
//! what the same model of those values does, bit for bit.
//!
//! | module | what it reads |
//! |---|---|
//! | `layouts` | directories, shards, indices, single files |
//! | `originals` | checkpoints of the original Stable Diffusion |
//! | `adapters` | FaceID with its LoRA inside and apart, plus-face |
//! | `lora_file` | a preset whose LoRA is a file of its own |
//! | `pickles` | tensors as torch stores them |
//! | `faults` | all of them with one fault each |

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

/// A file or directory of `data/formats`.
fn path(name: &str) -> PathBuf {
    crate::support::data("formats").join(name)
}
