//! Jobs: the service that accepts them, the worker and the deliveries.
//!
//! | module | holds |
//! |---|---|
//! | [`keys`] | [`Keys`], the owners of rows |
//! | [`master_key`] | [`MasterKey`], which encrypts the secrets of keys |
//! | [`page_tokens`] | [`PageTokens`], which give a page its key |
//! | [`ports`] | [`Ports`], what jobs need from the rest of the program |
//! | [`error`] | [`JobError`] |
//! | `context` | what the service, the worker, the deliveries and the janitor share |
//! | `files` | the files that are read at this server |
//! | [`service`] | [`JobService`], what the rest of the program asks of jobs |
//! | [`running`] | [`Running`], the background tasks |
//! | [`buckets`] | [`Bucket`] and [`KeyBuckets`], the buckets that images go to |
//! | `nodes` | this process among those on one database |
//! | `caretaker` | looks after jobs where no engine is |
//! | `store_watch` | health checks of the database and the image directory |
//! | `retry` | retries with growing pauses |
//! | `worker` | claims and runs jobs |
//! | `deliveries` | delivers webhooks, and images to buckets |
//! | `broken_task` | the reason that is logged for a task that panicked |
//! | `janitor` | deletes what has expired |
//! | `metrics` | the metrics of the worker and the deliveries |

mod broken_task;
pub mod buckets;
mod caretaker;
mod context;
mod deliveries;
pub mod error;
mod files;
mod janitor;
pub mod keys;
pub mod master_key;
mod metrics;
mod nodes;
pub mod page_tokens;
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
pub use context::previews::Preview;
pub use error::JobError;
pub use keys::{KeyError, Keys};
pub use master_key::{MasterKey, MasterKeyError};
pub use page_tokens::PageTokens;
pub use ports::{
    Checkpoint, ImageEncoder, JobsConfig, NodeProfile, Observer, Ports, UploadEncoder, WebhookBody,
};
pub use running::Running;
pub use service::{
    Erased, Erasure, FoundFaces, JobService, JobView, JobWatch, Replay, Submission, Upload,
    Uploaded,
};
