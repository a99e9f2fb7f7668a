//! Requests to other hosts, and the stores of images.
//!
//! | module | holds |
//! |---|---|
//! | [`guard`] | [`Guard`], the only way to an address that a caller names |
//! | [`faces`] | [`Faces`], which fetches photos from URLs |
//! | [`webhooks`] | [`HttpWebhooks`], the delivery of webhooks |
//! | [`store`] | [`DirectoryStore`] and [`S3Store`], images in a local directory and in a bucket, and [`SharedImages`], those that several nodes serve |

pub mod faces;
pub mod guard;
pub mod store;
#[cfg(test)]
mod testing;
pub mod webhooks;

pub use faces::Faces;
pub use guard::{Guard, GuardError, Networks};
pub use store::{
    Canary, DirectoryError, DirectoryStore, GuardedBuckets, S3Settings, S3Store, SharedImages,
};
pub use webhooks::HttpWebhooks;
