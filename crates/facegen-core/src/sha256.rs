//! SHA-256 of files, as manifests and lock files write it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::Sha256;
use sha2::digest::Digest;

/// Returns the hash of a file in hexadecimal digits.
///
/// # Errors
/// Fails when the file cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    read_into(|bytes| hasher.update(bytes), &mut File::open(path)?)?;
    Ok(hexadecimal(hasher))
}

/// Passes all that is left of `reader` to `take`, and returns the number of
/// bytes.
///
/// # Errors
/// Fails when `reader` cannot be read.
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

/// Finishes a hash of any kind and returns its hexadecimal digits.
pub fn hexadecimal(hasher: impl Digest) -> String {
    let mut text = String::new();
    for byte in hasher.finalize().iter() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
