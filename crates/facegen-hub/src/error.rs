use std::io;
use std::path::{Path, PathBuf};

/// Why weights could not be fetched, verified or used.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A licence for research only is not accepted.
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
        /// The unknown name.
        name: String,
        /// The known names.
        known: String,
    },
    /// A file was never fetched.
    #[error(
        "{file}, the {component} of preset {preset}, is not here: run `facegen models pull {preset}`"
    )]
    Missing {
        /// The preset.
        preset: String,
        /// The component.
        component: String,
        /// The file.
        file: String,
    },
    /// A file that the manifest names by its path does not exist.
    #[error(
        "{path}, a file of the {component} of preset {preset}, does not exist: the directory of \
         presets that has it is named by engine.models_dir or --models-dir", path = path.display()
    )]
    NoFile {
        /// The preset.
        preset: String,
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
    },
    /// A file changed since it was fetched.
    #[error(
        "{path} is damaged: its sha256 is {found}, not {expected}; \
         run `facegen models pull` for its preset, which fetches it again", path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The hash when it was fetched.
        expected: String,
        /// The hash now.
        found: String,
    },
    /// A fetched file has another sha256 than the preset or the hub names.
    #[error("{file} has sha256 {found}, expected was {expected}: it is not kept")]
    Hash {
        /// The file.
        file: String,
        /// The preset's hash, else the hub's.
        expected: String,
        /// The hash of the received bytes.
        found: String,
    },
    /// A small file has another git hash than the hub names.
    #[error("git's hash of {file} is {found}, the hub announced {expected}: it is not kept")]
    GitHash {
        /// The file.
        file: String,
        /// The hub's hash.
        expected: String,
        /// The hash of the received bytes.
        found: String,
    },
    /// The hub has another size than the preset.
    #[error("{file} has {found} bytes on the hub, the preset expects {expected}")]
    Size {
        /// The file.
        file: String,
        /// The preset's size.
        expected: u64,
        /// The hub's size.
        found: u64,
    },
    /// Files are missing in offline mode.
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
        /// The bytes to fetch.
        needed: u64,
        /// The free bytes of the disk.
        free: u64,
    },
    /// The hub does not know the file.
    #[error("the hub has no file {file} at revision {revision}: {url} answers 404")]
    NotFound {
        /// The file.
        file: String,
        /// The URL that answered.
        url: String,
        /// The branch, tag or commit.
        revision: String,
    },
    /// The hub wants a token, or refuses the one that was sent.
    #[error(
        "the hub refuses {file}, {url} answers {status}: accept the conditions on the page of \
         its repository, if there are any, and set HF_TOKEN to a token of yours"
    )]
    Denied {
        /// The file.
        file: String,
        /// The URL that answered.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The hub, or a redirect's host, answers with an error status.
    #[error("{url} answers {status} for {file}")]
    Status {
        /// The file.
        file: String,
        /// The URL that answered.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer cannot be understood.
    #[error("the answer of {url} for {file} cannot be used: {reason}")]
    Answer {
        /// The file.
        file: String,
        /// The URL that answered.
        url: String,
        /// Why.
        reason: String,
    },
    /// The index of a sharded checkpoint is invalid.
    #[error("{file} cannot be used: {reason}")]
    Index {
        /// The file.
        file: String,
        /// Why.
        reason: &'static str,
    },
    /// The hub's host, or a redirect's, cannot be resolved.
    #[error(
        "the name of the host {host} cannot be resolved, which {url} needs for {file}: this machine \
         may be offline, or HF_ENDPOINT be mistyped"
    )]
    Unresolved {
        /// The file.
        file: String,
        /// The host.
        host: String,
        /// The URL of the request.
        url: String,
        /// Whether it was resolved before, so that a retry can succeed.
        may_pass: bool,
    },
    /// The hub cannot be reached, or the connection broke.
    #[error("the connection to {url} for {file} failed: {reason}")]
    Connection {
        /// The file.
        file: String,
        /// The URL of the request.
        url: String,
        /// The client's error.
        reason: String,
        /// Whether a retry can succeed.
        may_pass: bool,
    },
    /// The connection broke in every attempt.
    #[error(
        "{file} could not be fetched in {attempts} attempts, the last: {last}; \
         what has come is kept, run the command again to go on"
    )]
    GivenUp {
        /// The file.
        file: String,
        /// Attempts in a row that received nothing.
        attempts: usize,
        /// The error of the last one.
        last: Box<HubError>,
    },
    /// An archive cannot be read.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The reader's error.
        reason: String,
    },
    /// A file that is to be removed does not belong to the store.
    #[error(
        "{path} leads out of {root}: it is not removed", path = path.display(), root = root.display()
    )]
    Outside {
        /// The file.
        path: PathBuf,
        /// The store.
        root: PathBuf,
    },
    /// `models.lock` cannot be understood.
    #[error("{path} cannot be understood: {reason}; delete it to have all files checked again", path = path.display())]
    LockFile {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl HubError {
    /// Returns a function that adds `path` to an I/O error.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// Whether a retry can succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { may_pass, .. } | Self::Unresolved { may_pass, .. } => *may_pass,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Licence { .. }
            | Self::UnknownLicence { .. }
            | Self::Missing { .. }
            | Self::NoFile { .. }
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
            | Self::Outside { .. }
            | Self::LockFile { .. }
            | Self::File { .. } => false,
        }
    }
}
