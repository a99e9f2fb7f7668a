//! What jobs need from the rest of the program, and the numbers that they use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::key_limits::KeyLimits;
use facegen_core::{
    Clock, FaceReader, GeneratedImage, GenerationRequest, ImageStore, Provenance, RgbImage,
    Timestamp, WebhookSender,
};

use crate::buckets::{Bucket, KeyBuckets};
use crate::master_key::MasterKey;

/// The numbers that the operator may set.
#[derive(Debug, Clone, PartialEq)]
pub struct JobsConfig {
    /// How many jobs may wait at once.
    pub queue_limit: u32,
    /// How much a key may ask for of which nothing else is said.
    pub key_limits: KeyLimits,
    /// How long a job stays a worker's without a heartbeat.
    pub lease: Duration,
    /// How often a worker says that it still works on a job.
    pub heartbeat: Duration,
    /// How often work on a job may break down before it is given up.
    pub max_attempts: u32,
    /// How long the engine may be at one step before it is taken to hang.
    pub step_timeout: Duration,
    /// How long images are kept.
    pub keep_images: Duration,
    /// How long the row of an ended job is kept after that.
    pub keep_rows: Duration,
    /// How long a photo that is an image of this server may take to come
    /// from its bucket.
    pub face_timeout: Duration,
    /// Whether webhooks are signed.
    pub sign_webhooks: bool,
}

/// Encodes an image that was made as a file, which says where it comes from.
pub type ImageEncoder =
    Arc<dyn Fn(&GeneratedImage, &Provenance) -> Result<Vec<u8>, String> + Send + Sync>;

/// Encodes an image that was sent as a file.
pub type UploadEncoder = Arc<dyn Fn(&RgbImage) -> Result<Vec<u8>, String> + Send + Sync>;

/// The body of the webhook of an ended job, as it is at this moment.
pub type WebhookBody = Arc<dyn Fn(&Job, Timestamp) -> String + Send + Sync>;

/// Told at each point of a job's life that it has come there. It is called
/// among tasks: one that blocks while others go on does so in
/// `tokio::task::block_in_place`.
pub type Observer = Arc<dyn Fn(Checkpoint, &GenerationRequest) + Send + Sync>;

/// The points of a job's life at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// Parsed, nothing written.
    Accepted,
    /// The row is written.
    Inserted,
    /// The worker was told, the caller not yet.
    Enqueued,
    /// A worker has claimed it.
    Claimed,
    /// A denoising step is done.
    Denoising,
    /// The images are encoded.
    Encoded,
    /// The images are stored.
    Stored,
    /// The end is about to be written.
    Finishing,
}

/// What jobs need from the rest of the program.
#[derive(Clone)]
pub struct Ports {
    /// Gets and reads photos.
    pub faces: Arc<dyn FaceReader>,
    /// Keeps the images that are read at this server: all of them without a
    /// bucket, else those that the bucket did not take when they were made.
    pub images: Arc<dyn ImageStore>,
    /// Where callers read images themselves; `None`: at this server alone.
    pub bucket: Option<Bucket>,
    /// The same for the images of keys that have buckets of their own.
    pub key_buckets: KeyBuckets,
    /// Delivers webhooks.
    pub webhooks: Arc<dyn WebhookSender>,
    /// Encodes images that were made.
    pub encoder: ImageEncoder,
    /// What made them.
    pub provenance: Provenance,
    /// Encodes images that were sent.
    pub upload_encoder: UploadEncoder,
    /// Keeps the secrets of keys.
    pub master_key: MasterKey,
    /// Writes the bodies of webhooks.
    pub webhook_body: WebhookBody,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Told of each checkpoint.
    pub observer: Observer,
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}
