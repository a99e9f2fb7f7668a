//! Detecting files that changed since they were verified.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Returns the size, inode and times of a file. A file with the stamp that it
/// had when it was verified is not hashed again: every start would read
/// gigabytes. Writing to it, replacing it or restoring its times changes the
/// stamp; only bit rot on the disk does not, and `verify` finds that.
#[must_use]
pub fn stamp(metadata: &Metadata) -> String {
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
