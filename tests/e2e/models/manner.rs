//! How the stand-in differs from the hub.

use std::net::SocketAddr;

use super::hub::COMMIT;

/// How a mirror, or a proxy of one, differs from the hub.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// The redirects of each request, with their statuses. `{hub}` is this hub,
    /// `{other}` the same under another name, `{port}` the same at another
    /// port, and `{path}` the requested path. A hop's own path begins with its
    /// number, e.g. `/hop1/`.
    pub(crate) hops: Vec<(u16, String)>,
    /// Whether it serves large files itself.
    pub(crate) has_no_store: bool,
    /// Whether it omits the commit of a file.
    pub(crate) names_no_commit: bool,
    /// The form of all etags, with `{hash}` for the hash.
    pub(crate) etag: &'static str,
    /// The response to HEAD.
    pub(crate) head: Head,
    /// Whether it ignores ranges.
    pub(crate) knows_no_ranges: bool,
    /// Whether it omits the length of whole files.
    pub(crate) says_no_length: bool,
    /// The status with which it answers every request for a file.
    pub(crate) status: Option<u16>,
    /// An additional header.
    pub(crate) header: &'static str,
}

/// How HEAD is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Known,
    WithoutLength,
    Refused(u16),
    /// Refused only by the store.
    RefusedByStore(u16),
}

impl Default for Behaviour {
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

impl Behaviour {
    /// Returns where a request is redirected.
    pub(super) fn hop(&self, path: &str) -> Option<(u16, String)> {
        let number = path
            .strip_prefix("/hop")
            .and_then(|path| path.split('/').next());
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let is_store = path.starts_with("/store/");
        let hop = self.hops.get(number.unwrap_or(0)).filter(|_| !is_store);
        hop.cloned()
    }

    /// Returns the header with the commit.
    pub(super) fn commit(&self) -> String {
        if self.names_no_commit {
            return String::new();
        }
        format!("X-Repo-Commit: {COMMIT}\r\n")
    }

    /// Returns the etag of bytes of this hash.
    pub(super) fn etag_of(&self, hash: &str) -> String {
        let letters = hash.to_uppercase();
        self.etag
            .replace("{hash}", hash)
            .replace("{HASH}", &letters)
    }
}

/// Returns the path without the number of its hop.
pub(super) fn without_hop(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/hop") else {
        return path;
    };
    rest.find('/').map_or(path, |slash| &rest[slash..])
}

/// Replaces the placeholders of a location.
pub(super) fn fill(location: &str, path: &str, hub: SocketAddr, other_port: SocketAddr) -> String {
    let port = hub.port();
    location
        .replace("{hub}", &format!("http://{hub}"))
        .replace("{other}", &format!("http://localhost:{port}"))
        .replace("{port}", &format!("http://{other_port}"))
        .replace("{path}", without_hop(path))
}
