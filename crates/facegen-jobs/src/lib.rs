//! Jobs: their store, the queue, the worker and the engine thread.
//!
//! | chapter | holds |
//! |---|---|
//! | [`job`] | [`Job`], one row |
//! | [`key`] | [`Key`], whom rows belong to |
//! | [`key_limits`] | [`KeyLimits`], how much a key may ask for |
//! | [`master_key`] | [`MasterKey`], with which the secrets of keys are kept |
//! | [`idempotency`] | [`Idempotency`], requests that may be sent again |
//! | [`service`] | [`JobService`], what the rest of the program asks of jobs |
//! | [`running`] | [`Running`], what works in the background |
//! | [`buckets`] | [`Bucket`] and [`KeyBuckets`], where callers read pictures themselves |
//! | `store` | the database, and the [`Keys`] in it |
//! | `queue` | the table of jobs as a queue |
//! | `worker` | works on jobs |
//! | `deliveries` | delivers webhooks, and pictures to buckets |
//! | `broken_task` | what is said of a task that broke down |
//! | `janitor` | deletes what is old |
//! | [`engine_thread`] | the thread that owns a backend |
//! | `metrics` | the numbers that are counted |

mod broken_task;
pub mod buckets;
mod deliveries;
pub mod engine_thread;
pub mod idempotency;
mod janitor;
pub mod job;
pub mod key;
pub mod key_limits;
pub mod master_key;
mod metrics;
mod queue;
pub mod running;
pub mod service;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod worker;

pub use buckets::{Bucket, KeyBuckets};
pub use engine_thread::{
    CancelHandle, EngineHandle, EngineStartError, Generation, GenerationEvent, LoadError,
};
pub use idempotency::Idempotency;
pub use job::{FaceOrigin, Failure, Job, JobId, Stages};
pub use key::{Key, KeyId, KeyRole};
pub use key_limits::{KeyLimits, OwnLimits};
pub use master_key::{MasterKey, MasterKeyError};
pub use running::Running;
pub use service::{
    Checkpoint, Erased, Erasure, JobError, JobService, JobView, JobWatch, JobsConfig, Observer,
    PictureEncoder, Ports, Replay, Submission, Upload, Uploaded, WebhookBody,
};
pub use store::deliveries::DeliveryKind;
pub use store::health::StoreFault;
pub use store::mailbox::DeliveryRecord;
pub use store::{KeyError, Keys, StoreError};
