//! Weights that come from a hub: fetched once, verified, and found again.
//!
//! | chapter | holds |
//! |---|---|
//! | `licences` | what the operator has accepted, and the gate |
//! | `pull` | fetching what a preset lacks |
//! | `verify` | hashing what is there |
//! | `inspect` | what there is of a preset on this machine |
//! | `locate` | from a preset to files that can be loaded |
//! | `archive` | taking files from a zip archive or a directory instead |
//! | `client` | the hub's HTTP interface |
//! | `connection` | why a host gave no answer |
//! | `description` | what it says of a file |
//! | `names` | names of hosts |
//! | `origin` | to whom a URL leads, and who gets the token |
//! | `download` | one file, through cuts, with its hash |
//! | `hasher` | what its bytes are |
//! | `store` | the directory on disk, in the layout of `huggingface_hub` |
//! | `lock_file` | `models.lock`: which files those are |
//! | `stamp` | telling a verified file from one that was touched since |

mod archive;
mod client;
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
mod progress;
mod pull;
mod stamp;
mod store;
#[cfg(test)]
mod tests;
mod verify;
mod wanted;

use std::fmt;

use facegen_core::redact::Secret;

pub use archive::import;
pub use error::HubError;
pub use inspect::{ComponentFile, FoundFile, inspect};
pub use licences::{Accepted, Gate};
pub use locate::locate;
pub use progress::PullEvent;
pub use pull::{Pull, Pulled};
pub use verify::{Fault, verify};
pub use wanted::{PresetFile, files};

/// The hub that presets are pulled from, and how.
#[derive(Clone)]
pub struct HubAccess {
    /// Where it is; without a slash at its end.
    pub endpoint: String,
    /// Who asks, for repositories that are not public.
    pub token: Option<Secret<String>>,
    /// Not to ask it at all.
    pub offline: bool,
}

impl HubAccess {
    /// The hub of Hugging Face.
    pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
}

impl fmt::Debug for HubAccess {
    /// Without the endpoint, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HubAccess")
            .field("has_token", &self.token.is_some())
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
