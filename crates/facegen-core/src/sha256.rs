//! SHA-256 of files, as manifests and lock files name it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::Sha256;
use sha2::digest::Digest;

/// Returns the hash of a file in hexadecimal digits.
///
/// # Errors
/// When the file cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    read_into(|bytes| hasher.update(bytes), &mut File::open(path)?)?;
    Ok(hexadecimal(hasher))
}

/// Hands over all that is left of `reader`, and returns how many bytes that were.
///
/// # Errors
/// When it cannot be read.
pub fn read_into(mut take: impl FnMut(&[u8]), reader: &mut impl Read) -> io::Result<u64> {
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

/// Returns the digits of a finished hash, of this or another kind.
pub fn hexadecimal(hasher: impl Digest) -> String {
    let mut text = String::new();
    for byte in hasher.finalize().iter() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
