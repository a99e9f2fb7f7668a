//! Recognises files that are called a model but are not: the remains of a
//! failed download or checkout.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How many bytes of a file are examined.
const LOOKED_AT: u64 = 512;

/// Beginnings of texts, without leading white space and in lower case, and what
/// they are. The first match counts.
const TEXTS: [(&[u8], &str); 11] = [
    (
        b"version https://git-lfs",
        "a git lfs pointer, which stands for the file: run `git lfs pull`, or fetch the file itself",
    ),
    (
        b"version https://hawser",
        "a git lfs pointer of an old version",
    ),
    (b"/annex/objects/", ANNEX),
    (b"../.git/annex/", ANNEX),
    (b".git/annex/", ANNEX),
    (b"<?xml", "XML, such as the error of a store"),
    (b"<error", "XML, such as the error of a store"),
    (b"<", "a web page (HTML)"),
    (b"{", JSON),
    (b"[", JSON),
    (b"\"", JSON),
];

/// The beginnings of other files, compared unchanged.
const BINARIES: [(&[u8], &str); 3] = [
    (b"\x1f\x8b", "a gzip archive, to be unpacked first"),
    (b"GGUF", "a gguf file, a format that is not supported"),
    (b"\x89HDF", "an HDF5 file, a format that is not supported"),
];

const ANNEX: &str = "a git-annex pointer, which stands for the file";
const JSON: &str = "JSON, such as an index or the error of a server";

/// Returns what the file at `path` is, if it is a known kind of file but no
/// model.
#[must_use]
pub fn mistaken_for(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LOOKED_AT).read_to_end(&mut start).ok()?;
    what_is(&start)
}

fn what_is(start: &[u8]) -> Option<&'static str> {
    if start.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, what)) = BINARIES.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some(what);
    }
    // The lengths in the head of a checkpoint contain zeros, texts do not.
    if start.contains(&0) {
        return None;
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = text.trim_ascii_start().to_ascii_lowercase();
    let known = TEXTS
        .iter()
        .find(|(beginning, _)| text.starts_with(beginning));
    if let Some((_, what)) = known {
        return Some(what);
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    text.iter().all(is_text).then_some("a text")
}
