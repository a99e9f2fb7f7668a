//! Progress of a pull.

use crate::HubError;

/// What happens while a preset is pulled.
#[derive(Debug)]
pub enum PullEvent<'a> {
    /// Waiting for another process that pulls to the same directory.
    Waiting,
    /// Hashing a file that is on disk already.
    Checking {
        /// The file.
        file: &'a str,
    },
    /// These files are to be fetched, and there is room for them. Reported before
    /// the first, and again when fetched files name further ones.
    Planned {
        /// The hub's host.
        host: &'a str,
        /// How many files.
        files: usize,
        /// Their bytes on disk already.
        done: u64,
        /// Their bytes together.
        size: u64,
    },
    /// A file is on disk as a whole, from a pull that did not record it.
    Kept {
        /// The file.
        file: &'a str,
        /// The size of the file.
        size: u64,
    },
    /// Starting the download of a file.
    Started {
        /// The file.
        file: &'a str,
        /// The bytes on disk already.
        done: u64,
        /// The size of the file.
        size: u64,
    },
    /// Received bytes.
    Advanced {
        /// The bytes on disk now.
        done: u64,
    },
    /// The connection broke; the request is retried.
    Interrupted {
        /// The file.
        file: &'a str,
        /// Why.
        reason: &'a HubError,
    },
    /// A file is complete and verified.
    Finished {
        /// The file.
        file: &'a str,
    },
}
