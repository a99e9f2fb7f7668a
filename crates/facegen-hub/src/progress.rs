//! How far pulling is.

use crate::HubError;

/// What happens while a preset is pulled.
#[derive(Debug)]
pub enum PullEvent<'a> {
    /// Another process pulls to the same directory, and is waited for.
    Waiting,
    /// A file that is here already is hashed.
    Checking {
        /// The file.
        file: &'a str,
    },
    /// The bytes of a file are about to come.
    Started {
        /// The file.
        file: &'a str,
        /// How many bytes are here already.
        done: u64,
        /// How many there are.
        size: u64,
    },
    /// Bytes came.
    Advanced {
        /// How many are here now.
        done: u64,
    },
    /// The connection broke; it is tried again.
    Interrupted {
        /// The file.
        file: &'a str,
        /// Why.
        reason: &'a HubError,
    },
    /// A file is here and verified.
    Finished {
        /// The file.
        file: &'a str,
    },
}
