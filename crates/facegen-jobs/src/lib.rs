//! Jobs: their store, the queue, the worker and the engine thread.
//!
//! | chapter | holds |
//! |---|---|
//! | [`job`] | [`Job`], one row |
//! | [`key`] | [`Key`], whom rows belong to |
//! | [`key_limits`] | [`KeyLimits`], how much a key may ask for |
//! | [`master_key`] | [`MasterKey`], with which the secrets of keys are kept |
//! | [`idempotency`] | [`Idempotency`], requests that may be sent again |
//! | [`ports`] | [`Ports`], what jobs need from the rest of the program |
//! | [`error`] | [`JobError`] |
//! | `context` | what the service, the worker, the deliveries and the janitor share |
//! | `files` | the files that are read at this server |
//! | [`service`] | [`JobService`], what the rest of the program asks of jobs |
//! | [`running`] | [`Running`], what works in the background |
//! | [`buckets`] | [`Bucket`] and [`KeyBuckets`], where callers read pictures themselves |
//! | `store` | the database, and the [`Keys`] in it |
//! | `store_watch` | watches the database |
//! | `retry` | tries again for a while |
//! | `queue` | the table of jobs as a queue |
//! | `worker` | works on jobs |
//! | `deliveries` | delivers webhooks, and pictures to buckets |
//! | `broken_task` | what is said of a task that broke down |
//! | `janitor` | deletes what is old |
//! | [`engine_thread`] | the thread that owns a backend |
//! | `metrics` | the numbers that are counted |

mod broken_task;
pub mod buckets;
mod context;
mod deliveries;
pub mod engine_thread;
pub mod error;
mod files;
pub mod idempotency;
mod janitor;
pub mod job;
pub mod key;
pub mod key_limits;
pub mod master_key;
mod metrics;
pub mod ports;
mod queue;
mod retry;
pub mod running;
pub mod service;
mod store;
mod store_watch;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod worker;

pub use buckets::{Bucket, KeyBuckets};
pub use engine_thread::{
    CancelHandle, EngineHandle, EngineStartError, Generation, GenerationEvent, LoadError,
};
pub use error::JobError;
pub use idempotency::Idempotency;
pub use job::{FaceOrigin, Failure, Job, JobId, Stages};
pub use key::{Key, KeyId, KeyRole};
pub use key_limits::{KeyLimits, OwnLimits};
pub use master_key::{MasterKey, MasterKeyError};
pub use ports::{Checkpoint, JobsConfig, Observer, PictureEncoder, Ports, WebhookBody};
pub use running::Running;
pub use service::{
    Erased, Erasure, JobService, JobView, JobWatch, Replay, Submission, Upload, Uploaded,
};
pub use store::deliveries::DeliveryKind;
pub use store::mailbox::DeliveryRecord;
pub use store::{KeyError, Keys, StoreError, StoreFault};
