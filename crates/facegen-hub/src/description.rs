//! A file's commit, hash and size, from the headers of a hub or a mirror.

use facegen_core::sha256::hexadecimal;
use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::{HeaderMap, Response};

/// Length of a blob name derived from a mirror's etag: neither that of a sha256
/// nor that of a git hash.
const MADE_NAME: usize = 32;

/// A file's metadata on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// The commit that the revision resolves to.
    pub(super) commit: String,
    /// The hub's name for the bytes: their sha256 for large files, else their
    /// git hash, or what a mirror has in its place.
    pub(super) blob: String,
    pub(super) size: u64,
}

impl RemoteFile {
    /// Returns the sha256 of the bytes, where the hub knows it.
    pub(super) fn sha256(&self) -> Option<&str> {
        (self.blob.len() == 64).then_some(&self.blob)
    }

    /// Returns the git hash of the bytes, where the hub names it.
    pub(super) fn git_hash(&self) -> Option<&str> {
        (self.blob.len() == 40).then_some(&self.blob)
    }
}

/// What is known about a file so far. The first answer that names a value wins:
/// a later one can be that of a store, which has other names.
#[derive(Debug, Default)]
pub(super) struct FileMetadata {
    commit: Option<String>,
    etag: Option<String>,
    pub(super) size: Option<u64>,
}

impl FileMetadata {
    /// Reads a redirect, and returns whether nothing is missing.
    pub(super) fn read_redirect(&mut self, headers: &HeaderMap) -> bool {
        let commit = header(headers, "x-repo-commit").filter(|commit| is_hash(commit));
        fill(&mut self.commit, commit);
        fill(&mut self.etag, header(headers, "x-linked-etag"));
        let size = header(headers, "x-linked-size").and_then(|size| size.parse().ok());
        self.size = self.size.or(size);
        self.is_whole()
    }

    /// Whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.commit.is_some() && self.etag.is_some() && self.size.is_some()
    }

    /// Reads the last answer.
    pub(super) fn read_answer(&mut self, answer: &Response<Body>) {
        let headers = answer.headers();
        self.read_redirect(headers);
        fill(&mut self.etag, header(headers, "etag"));
        self.size = self.size.or_else(|| size(answer));
    }

    /// Returns the metadata, or what is missing in it. `revision` and `expected`
    /// are the preset's commit and sha256.
    pub(super) fn remote_file(
        self,
        revision: &str,
        expected: Option<&str>,
    ) -> Result<RemoteFile, &'static str> {
        let revision = Some(revision).filter(|revision| is_hash(revision));
        let commit = self.commit.as_deref().or(revision);
        let blob = self.etag.as_deref().map(blob_name);
        Ok(RemoteFile {
            commit: commit.ok_or("it names no commit")?.to_owned(),
            blob: blob
                .or_else(|| expected.map(str::to_owned))
                .ok_or("it names no hash")?,
            size: self.size.ok_or("it names no size")?,
        })
    }
}

fn fill(place: &mut Option<String>, text: Option<&str>) {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if place.is_none() {
        *place = text.map(str::to_owned);
    }
}

/// Checks that a text is hexadecimal: it becomes a file name on the disk.
fn is_hash(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// Returns the hash in an etag, which can be weak and have a suffix of what
/// compressed the answer (`W/"HASH-gzip"`). From an etag without a hash it
/// derives a unique name.
fn blob_name(etag: &str) -> String {
    let opaque = etag
        .trim_start_matches("W/")
        .trim_start_matches("w/")
        .trim_matches('"');
    let is_long_hash = |part: &&str| matches!(part.len(), 40 | 64) && is_hash(part);
    let mut parts = opaque.split(|letter: char| !letter.is_ascii_alphanumeric());
    if let Some(hash) = parts.find(is_long_hash) {
        return hash.to_ascii_lowercase();
    }
    if is_hash(opaque) && !matches!(opaque.len(), 40 | 64) {
        return opaque.to_owned();
    }
    let mut name = hexadecimal(Sha256::new_with_prefix(etag));
    name.truncate(MADE_NAME);
    name
}

/// Returns the size of the whole file, from an answer with all of its bytes or
/// with the first.
fn size(answer: &Response<Body>) -> Option<u64> {
    let headers = answer.headers();
    if is_packed(headers) {
        return None;
    }
    match answer.status().as_u16() {
        206 | 416 => header(headers, "content-range")?
            .rsplit('/')
            .next()?
            .trim()
            .parse()
            .ok(),
        _ => header(headers, "content-length")?.trim().parse().ok(),
    }
}

/// Whether the answer is compressed, so that its bytes are not the file's.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    header(headers, "content-encoding")
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
