//! Ports to what is kept in a database, in plain Rust types.
//!
//! | chapter | holds |
//! |---|---|
//! | [`jobs`] | [`JobStore`], jobs and their states |
//! | [`keys`] | [`KeyStore`], API keys |
//! | [`buckets`] | [`BucketStore`], the buckets of keys |
//! | [`deliveries`] | [`DeliveryStore`], webhooks and uploads to buckets |
//! | [`uploads`] | [`UploadStore`], images that callers send |
//! | [`rate_limits`] | [`RateLimitStore`], requests of each key |
//! | [`housekeeping`] | [`Housekeeping`], what is old |
//! | [`health`] | [`StoreHealth`], whether the database works |
//! | [`events`] | [`Events`], what happens to jobs |
//! | [`error`] | [`StoreError`] |

pub mod buckets;
pub mod deliveries;
pub mod error;
pub mod events;
pub mod health;
pub mod housekeeping;
pub mod jobs;
pub mod keys;
pub mod rate_limits;
pub mod uploads;

use std::sync::Arc;

pub use buckets::{BucketRow, BucketStore};
pub use deliveries::{Delivery, DeliveryFilter, DeliveryKind, DeliveryRecord, DeliveryStore};
pub use error::{StoreError, StoreFault};
pub use events::{Event, Events, Subscription};
pub use health::{Death, StoreHealth};
pub use housekeeping::Housekeeping;
pub use jobs::{
    Claim, ClaimScope, DeadWorkers, Fence, ImageLocation, Intake, JobStore, Load, NewJob,
    QueueFull, QueueLimits, Reclaimed, Success, WorkerId, cost,
};
pub use keys::{KeyStore, NewKey};
pub use rate_limits::RateLimitStore;
pub use uploads::{NewUpload, UploadStore};

/// Every store of one installation. Clones are the same stores.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Jobs.
    pub jobs: Arc<dyn JobStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// The buckets of keys.
    pub buckets: Arc<dyn BucketStore>,
    /// Webhooks and uploads to buckets.
    pub deliveries: Arc<dyn DeliveryStore>,
    /// Images that callers send.
    pub uploads: Arc<dyn UploadStore>,
    /// Requests of each key.
    pub rate_limits: Arc<dyn RateLimitStore>,
    /// What is old.
    pub housekeeping: Arc<dyn Housekeeping>,
    /// Whether the database works.
    pub health: Arc<dyn StoreHealth>,
    /// What happens to jobs.
    pub events: Arc<dyn Events>,
}
