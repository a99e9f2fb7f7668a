//! Where finished images are kept.
//!
//! | chapter | holds |
//! |---|---|
//! | [`directory`] | [`DirectoryStore`], a local directory |
//! | [`s3`] | [`S3Store`], a bucket that speaks S3 |
//! | [`buckets`] | [`GuardedBuckets`], those that keys describe |

pub mod buckets;
#[cfg(test)]
mod conformance;
pub mod directory;
pub mod s3;

pub use buckets::GuardedBuckets;
pub use directory::{DirectoryError, DirectoryStore};
pub use s3::{Canary, S3Settings, S3Store};
