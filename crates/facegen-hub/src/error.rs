use std::io;
use std::path::{Path, PathBuf};

/// Why weights could not be fetched, verified or used.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Licences for research only that nobody has accepted.
    #[error(
        "preset {preset} needs weights that may be used for research only: {}. Read their terms and \
         accept them with `facegen models accept {}`, or name each with --accept-licence",
        .weights.join(", "), .licences.join(" ")
    )]
    Licence {
        /// The preset.
        preset: String,
        /// The components, each with its licence.
        weights: Vec<String>,
        /// The names of the licences.
        licences: Vec<String>,
    },
    /// No preset names such a licence.
    #[error("no preset names a licence {name}; there are: {known}")]
    UnknownLicence {
        /// What was given.
        name: String,
        /// What could have been.
        known: String,
    },
    /// A file was never fetched.
    #[error(
        "{file}, the {component} of preset {preset}, is not here: run `facegen models pull {preset}`"
    )]
    Missing {
        /// The preset.
        preset: String,
        /// Which of its models.
        component: String,
        /// The file.
        file: String,
    },
    /// A file is not what was fetched.
    #[error(
        "{path} is damaged: its sha256 is {found}, not {expected}; \
         run `facegen models pull` for its preset, which fetches it again", path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// When it was fetched.
        expected: String,
        /// Now.
        found: String,
    },
    /// What the hub gave is not what it or the preset announced.
    #[error("{file} has sha256 {found}, expected was {expected}: it is not kept")]
    Hash {
        /// The file.
        file: String,
        /// By the preset, else by the hub.
        expected: String,
        /// Of what came.
        found: String,
    },
    /// A small file is not what the hub announced.
    #[error("git's hash of {file} is {found}, the hub announced {expected}: it is not kept")]
    GitHash {
        /// The file.
        file: String,
        /// By the hub.
        expected: String,
        /// Of what came.
        found: String,
    },
    /// The hub has another size than the preset.
    #[error("{file} has {found} bytes on the hub, the preset expects {expected}")]
    Size {
        /// The file.
        file: String,
        /// By the preset.
        expected: u64,
        /// By the hub.
        found: u64,
    },
    /// Files are missing, and the hub may not be asked.
    #[error("{file} is not here, and HF_HUB_OFFLINE forbids to fetch it")]
    Offline {
        /// The first file.
        file: String,
    },
    /// The disk is too small.
    #[error(
        "{needed} bytes are to be fetched to {path}, where {free} are free; \
         make room or choose another data directory", path = path.display()
    )]
    Space {
        /// The directory.
        path: PathBuf,
        /// What is missing yet.
        needed: u64,
        /// What the disk has.
        free: u64,
    },
    /// The hub does not know the file.
    #[error("the hub has no file {file} at revision {revision}: {url} answers 404")]
    NotFound {
        /// The file.
        file: String,
        /// What answered.
        url: String,
        /// The branch, tag or commit.
        revision: String,
    },
    /// The hub wants to know who asks, or has decided.
    #[error(
        "the hub refuses {file}, {url} answers {status}: accept the conditions on the page of \
         its repository, if there are any, and set HF_TOKEN to a token of yours"
    )]
    Denied {
        /// The file.
        file: String,
        /// What answered.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The hub, or where it leads, answers with a failure.
    #[error("{url} answers {status} for {file}")]
    Status {
        /// The file.
        file: String,
        /// What answered.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The hub answers what cannot be understood.
    #[error("the answer of {url} for {file} cannot be used: {reason}")]
    Answer {
        /// The file.
        file: String,
        /// What answered.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that names others names none that can be.
    #[error("{file} cannot be used: {reason}")]
    Index {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The hub's host, or that of a redirect, has no address.
    #[error(
        "the name of the host {host} cannot be resolved, which {url} needs for {file}: this machine \
         may be offline, or HF_ENDPOINT be mistyped"
    )]
    Unresolved {
        /// The file.
        file: String,
        /// The host.
        host: String,
        /// What was to be asked.
        url: String,
        /// Whether it could be resolved before.
        may_pass: bool,
    },
    /// The hub cannot be reached, or the connection broke.
    #[error("the connection to {url} for {file} failed: {reason}")]
    Connection {
        /// The file.
        file: String,
        /// What was asked.
        url: String,
        /// What broke.
        reason: String,
        /// Whether the next attempt may succeed.
        may_pass: bool,
    },
    /// The connection broke again and again.
    #[error(
        "{file} could not be fetched in {attempts} attempts, the last: {last}; \
         what has come is kept, run the command again to go on"
    )]
    GivenUp {
        /// The file.
        file: String,
        /// Attempts in a row that brought nothing.
        attempts: usize,
        /// The last of them.
        last: Box<HubError>,
    },
    /// An archive cannot be read.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What its reader said.
        reason: String,
    },
    /// `models.lock` cannot be understood.
    #[error("{path} cannot be understood: {reason}; delete it to have all files checked again", path = path.display())]
    LockFile {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HubError {
    /// Makes errors of the system about `path`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// Whether the next attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { may_pass, .. } | Self::Unresolved { may_pass, .. } => *may_pass,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Licence { .. }
            | Self::UnknownLicence { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::Hash { .. }
            | Self::GitHash { .. }
            | Self::Size { .. }
            | Self::Offline { .. }
            | Self::Space { .. }
            | Self::NotFound { .. }
            | Self::Denied { .. }
            | Self::Answer { .. }
            | Self::Index { .. }
            | Self::GivenUp { .. }
            | Self::Archive { .. }
            | Self::LockFile { .. }
            | Self::File { .. } => false,
        }
    }
}
