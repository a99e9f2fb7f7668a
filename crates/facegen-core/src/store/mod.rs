//! Ports to the database, in plain Rust types.

pub mod buckets;
pub mod deliveries;
pub mod error;
pub mod events;
pub mod health;
pub mod housekeeping;
pub mod jobs;
pub mod keys;
pub mod nodes;
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
pub use nodes::{Node, NodeEngine, NodeRole, NodeStore, Order, Orders};
pub use rate_limits::RateLimitStore;
pub use uploads::{NewUpload, UploadStore};

/// All stores of one installation. Clones share them.
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
    /// The nodes, and what they are ordered to do.
    pub nodes: Arc<dyn NodeStore>,
    /// What has expired.
    pub housekeeping: Arc<dyn Housekeeping>,
    /// The health of the database.
    pub health: Arc<dyn StoreHealth>,
    /// The events of jobs.
    pub events: Arc<dyn Events>,
}
