//! In which ways the stand-in is not the hub.

use std::net::SocketAddr;

use super::hub::COMMIT;

/// How a mirror, or what stands before one, differs from the hub.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Where requests are sent on first, each with its status. `{hub}` is this
    /// hub, `{other}` the same under another name, `{port}` the same at another
    /// port, and `{path}` what was asked for. A hop's own path begins with its
    /// number, e.g. `/hop1/`.
    pub(crate) hops: Vec<(u16, String)>,
    /// It serves large files itself.
    pub(crate) has_no_store: bool,
    /// It does not say of which commit a file is.
    pub(crate) names_no_commit: bool,
    /// What stands around the hash, `{hash}`, in all etags.
    pub(crate) etag: &'static str,
    /// The answer to HEAD.
    pub(crate) head: Head,
    /// It does not know ranges.
    pub(crate) knows_no_ranges: bool,
    /// It says of no whole file how long it is.
    pub(crate) says_no_length: bool,
    /// A status, with which it answers every question after a file.
    pub(crate) status: Option<u16>,
    /// A header that it adds.
    pub(crate) header: &'static str,
}

/// How a question after the head of a file is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Known,
    WithoutLength,
    Refused(u16),
    /// Only by the store.
    RefusedByStore(u16),
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            hops: Vec::new(),
            has_no_store: false,
            names_no_commit: false,
            etag: "\"{hash}\"",
            head: Head::Known,
            knows_no_ranges: false,
            says_no_length: false,
            status: None,
            header: "",
        }
    }
}

impl Manner {
    /// Where a request is sent on.
    pub(super) fn hop(&self, path: &str) -> Option<(u16, String)> {
        let number = path
            .strip_prefix("/hop")
            .and_then(|path| path.split('/').next());
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let is_store = path.starts_with("/store/");
        let hop = self.hops.get(number.unwrap_or(0)).filter(|_| !is_store);
        hop.cloned()
    }

    /// The header that names the commit.
    pub(super) fn commit(&self) -> String {
        if self.names_no_commit {
            return String::new();
        }
        format!("X-Repo-Commit: {COMMIT}\r\n")
    }

    /// The etag of bytes of this hash.
    pub(super) fn etag_of(&self, hash: &str) -> String {
        let letters = hash.to_uppercase();
        self.etag
            .replace("{hash}", hash)
            .replace("{HASH}", &letters)
    }
}

/// The path without the number of its hop.
pub(super) fn without_hop(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/hop") else {
        return path;
    };
    rest.find('/').map_or(path, |slash| &rest[slash..])
}

/// A location with what stands for others filled in.
pub(super) fn fill(location: &str, path: &str, hub: SocketAddr, other_port: SocketAddr) -> String {
    let port = hub.port();
    location
        .replace("{hub}", &format!("http://{hub}"))
        .replace("{other}", &format!("http://localhost:{port}"))
        .replace("{port}", &format!("http://{other_port}"))
        .replace("{path}", without_hop(path))
}
