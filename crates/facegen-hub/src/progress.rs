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
