//! Telling a verified file from one that was touched since.

use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Size, inode and times of a file. A file with the stamp that it had when its
/// hash was verified is not hashed again: gigabytes would be read at every
/// start. Whoever writes to it, replaces it or restores its times changes the
/// stamp; only a disk that loses bits does not, and `verify` reads those.
pub(super) fn stamp(metadata: &Metadata) -> String {
    format!(
        "{}:{}:{}.{:09}:{}.{:09}",
        metadata.size(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

/// The sha256 of a file, in hexadecimal digits.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    read_into(|bytes| hasher.update(bytes), &mut File::open(path)?)?;
    Ok(hexadecimal(hasher))
}

/// Hands over all that is left of `reader`, and says how much that was.
pub(super) fn read_into(mut take: impl FnMut(&[u8]), reader: &mut impl Read) -> io::Result<u64> {
    let (mut buffer, mut total) = (vec![0; 1 << 18], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(total),
            count => {
                take(&buffer[..count]);
                total += count as u64;
            }
        }
    }
}

/// The digits of a finished hash.
pub(crate) fn hexadecimal(hasher: impl Digest) -> String {
    let mut text = String::new();
    for byte in hasher.finalize().iter() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
