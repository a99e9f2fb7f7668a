//! The stores of finished images.

pub mod buckets;
#[cfg(test)]
mod conformance;
pub mod directory;
pub mod s3;

pub use buckets::GuardedBuckets;
pub use directory::{DirectoryError, DirectoryStore};
pub use s3::{Canary, S3Settings, S3Store, SharedImages};
