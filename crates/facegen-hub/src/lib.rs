//! The weights of a preset: fetched once from a hub, verified, and located.
//!
//! | module | holds |
//! |---|---|
//! | `licences` | the accepted licences, and the check of a preset against them |
//! | `pull` | fetching the missing files of a preset |
//! | `remove` | removing the fetched files of a preset |
//! | `verify` | hashing the files of a preset |
//! | `inspect` | the state of each component on this machine |
//! | `locate` | the paths of a preset's files |
//! | `compiled_in` | the files of published presets that are compiled in |
//! | `archive` | importing files from a zip archive or a directory |
//! | `client` | HTTP client of the hub |
//! | `connection` | errors of requests without an answer |
//! | `description` | a file's commit, hash and size, from headers |
//! | `names` | resolving host names |
//! | `origin` | origins of URLs, and what messages show of a URL |
//! | `download` | resumable download of one file |
//! | `hasher` | sha256 and git hash of a file |
//! | `packs` | the hashes of packed weights |
//! | `store` | the directory on disk, in the layout of `huggingface_hub` |
//! | `lock_file` | `models.lock`: the fetched files and their hashes |

mod archive;
mod client;
mod compiled_in;
mod connection;
mod description;
mod download;
mod error;
mod hasher;
mod inspect;
mod licences;
mod locate;
mod lock_file;
mod names;
mod origin;
mod packs;
mod progress;
mod pull;
mod remove;
mod store;
#[cfg(test)]
mod tests;
mod verify;
mod wanted;

use std::fmt;

use facegen_core::redact::Secret;

pub use archive::import;
pub use compiled_in::{has_local_files, read_local};
pub use error::HubError;
pub use inspect::{ComponentFile, FoundFile, inspect};
pub use licences::{Accepted, Gate};
pub use locate::locate;
pub use lock_file::LockedPack;
pub use packs::{packs, record_pack};
pub use progress::PullEvent;
pub use pull::{Pull, Pulled};
pub use remove::{Removal, remove};
pub use verify::{Fault, verify};
pub use wanted::{PresetFile, files};

/// How to reach the hub that presets are pulled from.
#[derive(Clone)]
pub struct HubAccess {
    /// Base URL, without a slash at its end.
    pub endpoint: String,
    /// Access token, for repositories that are not public.
    pub token: Option<Secret<String>>,
    /// Sends no request at all.
    pub offline: bool,
}

impl HubAccess {
    /// The hub of Hugging Face.
    pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
}

impl fmt::Debug for HubAccess {
    /// Leaves out the endpoint, which can hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HubAccess")
            .field("has_token", &self.token.is_some())
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
