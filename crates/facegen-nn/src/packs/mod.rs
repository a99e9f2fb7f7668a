//! Files of packed weights, which later loads map instead of packing again.
//!
//! | module | holds |
//! |---|---|
//! | `header` | the first bytes: where the table is, and its hash |
//! | `table` | what the weights were packed from and for, and where each is |
//! | `read` | mapping a pack, and checking it as a whole |
//! | `write` | writing one while a model loads |
//! | `access` | whose files are trusted, and temporary files |
//! | `mapped` | the mapped bytes |
//!
//! The hash of a pack is that of its table, which has the hash of every weight. Opening a pack
//! checks the table; [`PackFile::verify`] reads the weights, too.

mod access;
mod error;
mod header;
mod mapped;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

pub use access::{make_directory, remove_abandoned};
pub use error::PackError;
pub(crate) use mapped::MappedSlab;
pub use read::PackFile;
pub use table::PackIdentity;
pub use write::{PackWriter, WrittenPack};

/// The source of the packed form of weights.
#[derive(Clone, Debug, Default)]
pub enum Packing {
    /// Weights are packed in memory.
    #[default]
    InMemory,
    /// They are packed into a file, and mapped from there.
    Into(Arc<PackWriter>),
    /// They were packed before.
    From(Arc<PackFile>),
}

impl Packing {
    /// Gives the memory of mapped weights back to the system until they are used: it reads them
    /// from its cache of files, and from the disk where it needed that memory for something else.
    pub fn release(&self) {
        match self {
            Self::InMemory => {}
            Self::Into(pack) => pack.release(),
            Self::From(pack) => pack.release(),
        }
    }
}
