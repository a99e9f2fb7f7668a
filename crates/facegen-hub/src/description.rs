//! What a hub, or a mirror of one, says of a file.

use facegen_core::sha256::hexadecimal;
use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::{HeaderMap, Response};

/// How many letters the name of a file has that is made from what a mirror calls
/// it: neither those of a sha256 nor those of git's hash.
const MADE_NAME: usize = 32;

/// What the hub says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    /// The hub's name for the bytes: their sha256 for large files, else the
    /// hash that git has, or what a mirror has in its place.
    pub(super) blob: String,
    pub(super) size: u64,
}

impl RemoteFile {
    /// The sha256 of the bytes, where the hub knows it.
    pub(super) fn sha256(&self) -> Option<&str> {
        (self.blob.len() == 64).then_some(&self.blob)
    }

    /// The hash that git has of the bytes, where the hub names that.
    pub(super) fn git_hash(&self) -> Option<&str> {
        (self.blob.len() == 40).then_some(&self.blob)
    }
}

/// What is known of a file so far. What an answer further along the way says
/// counts less: it may be that of a store, which has other names.
#[derive(Debug, Default)]
pub(super) struct FileMetadata {
    commit: Option<String>,
    etag: Option<String>,
    pub(super) size: Option<u64>,
}

impl FileMetadata {
    /// Reads an answer that leads on, and says whether nothing is missing.
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

    /// What is known then, or what is missing. `revision` and `expected` are what
    /// the preset calls commit and sha256.
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

/// Both become names on the disk.
fn is_hash(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// The hash in an etag, which may be weak and may have a suffix of whatever packed
/// the answer (`W/"HASH-gzip"`). Of an etag without one a name is made that no other
/// has.
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

/// How many bytes the whole file has, by an answer to a question after all or the
/// first of them.
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

/// Whether the bytes of the answer are not those of the file.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    header(headers, "content-encoding")
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
