//! Where finished pictures are kept.
//!
//! | chapter | holds |
//! |---|---|
//! | [`folder`] | [`FolderStore`], a local folder |
//! | [`s3`] | [`S3Store`], a bucket that speaks S3 |
//! | [`buckets`] | [`GuardedBuckets`], those that keys describe |

pub mod buckets;
#[cfg(test)]
mod conformance;
pub mod folder;
pub mod s3;

pub use buckets::GuardedBuckets;
pub use folder::{FolderError, FolderStore};
pub use s3::{Canary, S3Settings, S3Store};
