//! What jobs need from the rest of the program, and their settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::job::Job;
use facegen_core::key_limits::KeyLimits;
use facegen_core::store::NodeRole;
use facegen_core::{
    Clock, FaceReader, GeneratedImage, GenerationRequest, ImageStore, Provenance, RgbImage,
    Timestamp, WebhookSender,
};

use crate::buckets::{Bucket, KeyBuckets};
use crate::master_key::MasterKey;

/// The settings that the operator may change.
#[derive(Debug, Clone, PartialEq)]
pub struct JobsConfig {
    /// The name of the preset that jobs are made with.
    pub preset: String,
    /// How many networks each engine loads.
    pub networks: usize,
    /// How many jobs may wait at once.
    pub queue_limit: u32,
    /// The limits of a key that has none of its own.
    pub key_limits: KeyLimits,
    /// How long a claimed job belongs to its worker without a heartbeat.
    pub lease: Duration,
    /// The time between the heartbeats of a running job.
    pub heartbeat: Duration,
    /// How many attempts may crash before the job fails.
    pub max_attempts: u32,
    /// How long the engine may take for one step before it counts as hung.
    pub step_timeout: Duration,
    /// How long images are kept.
    pub keep_images: Duration,
    /// How long the row of an ended job is kept after that.
    pub keep_rows: Duration,
    /// How long reading a photo that is an image of this server may take from
    /// its bucket.
    pub face_timeout: Duration,
    /// Whether webhooks are signed.
    pub sign_webhooks: bool,
    /// Whether the files of images hold their prompts and other parameters.
    pub parameters_in_files: bool,
}

/// Encodes a generated image as a file, with its provenance.
pub type ImageEncoder =
    Arc<dyn Fn(&GeneratedImage, &Provenance) -> Result<Vec<u8>, String> + Send + Sync>;

/// Encodes an image that was sent as a file.
pub type UploadEncoder = Arc<dyn Fn(&RgbImage) -> Result<Vec<u8>, String> + Send + Sync>;

/// Writes the body of the webhook of an ended job, as it is at this time.
pub type WebhookBody = Arc<dyn Fn(&Job, Timestamp) -> String + Send + Sync>;

/// Called at each checkpoint of a job. It is called inside tasks: an observer
/// that blocks while others continue does so in `tokio::task::block_in_place`.
pub type Observer = Arc<dyn Fn(Checkpoint, &GenerationRequest) + Send + Sync>;

/// The points of a job's life at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// Parsed, nothing written.
    Accepted,
    /// The row is written.
    Inserted,
    /// The worker was notified, the caller not yet answered.
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

/// What other nodes on the same database see of this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeProfile {
    /// What it does.
    pub role: NodeRole,
    /// Its name for people.
    pub name: String,
    /// The version of the program.
    pub version: String,
}

/// What jobs need from the rest of the program.
#[derive(Clone)]
pub struct Ports {
    /// What this process is among others.
    pub node: NodeProfile,
    /// Fetches and reads photos.
    pub faces: Arc<dyn FaceReader>,
    /// Keeps the images that are read at this server: all of them without a
    /// bucket, else those that the bucket did not take when they were made. All
    /// nodes on one database share it.
    pub images: Arc<dyn ImageStore>,
    /// Where callers read images themselves; `None`: at this server alone.
    pub bucket: Option<Bucket>,
    /// The same for the images of keys that have buckets of their own.
    pub key_buckets: KeyBuckets,
    /// Delivers webhooks.
    pub webhooks: Arc<dyn WebhookSender>,
    /// Encodes generated images.
    pub encoder: ImageEncoder,
    /// What made them, without parameters.
    pub provenance: Provenance,
    /// Encodes images that were sent.
    pub upload_encoder: UploadEncoder,
    /// Encrypts the secrets of keys.
    pub master_key: MasterKey,
    /// Writes the bodies of webhooks.
    pub webhook_body: WebhookBody,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Called at each checkpoint.
    pub observer: Observer,
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}
