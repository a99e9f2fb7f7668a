//! Telling a verified file from one that was touched since.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

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
