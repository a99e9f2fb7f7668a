//! Jobs: the service that takes them in, the worker and the deliveries.
//!
//! | chapter | holds |
//! |---|---|
//! | [`keys`] | [`Keys`], to whom rows belong |
//! | [`master_key`] | [`MasterKey`], with which the secrets of keys are kept |
//! | [`ports`] | [`Ports`], what jobs need from the rest of the program |
//! | [`error`] | [`JobError`] |
//! | `context` | what the service, the worker, the deliveries and the janitor share |
//! | `files` | the files that are read at this server |
//! | [`service`] | [`JobService`], what the rest of the program asks of jobs |
//! | [`running`] | [`Running`], what works in the background |
//! | [`buckets`] | [`Bucket`] and [`KeyBuckets`], where callers read images themselves |
//! | `store_watch` | watches the database |
//! | `retry` | tries again for a while |
//! | `worker` | works on jobs |
//! | `deliveries` | delivers webhooks, and images to buckets |
//! | `broken_task` | what is said of a task that broke down |
//! | `janitor` | deletes what is old |
//! | `metrics` | the numbers that are counted |

mod broken_task;
pub mod buckets;
mod context;
mod deliveries;
pub mod error;
mod files;
mod janitor;
pub mod keys;
pub mod master_key;
mod metrics;
pub mod ports;
mod retry;
pub mod running;
pub mod service;
mod store_watch;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod worker;

pub use buckets::{Bucket, KeyBuckets};
pub use error::JobError;
pub use keys::{KeyError, Keys};
pub use master_key::{MasterKey, MasterKeyError};
pub use ports::{
    Checkpoint, ImageEncoder, JobsConfig, Observer, Ports, UploadEncoder, WebhookBody,
};
pub use running::Running;
pub use service::{
    Erased, Erasure, JobService, JobView, JobWatch, Replay, Submission, Upload, Uploaded,
};
