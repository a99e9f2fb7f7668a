//! The set-up that tests and benches of the whole server share: numbers, fakes behind every port,
//! and stores in a directory. A test changes what it is about by struct update.
//!
//! [`engine`] has an engine that needs no time, [`postgres`] starts a server of PostgreSQL, and [`memory`] says how much memory a process takes.
//!
//! The unit tests of facegen-jobs have a set-up of their own: for them a crate that depends on
//! facegen-jobs would bring a second copy of its types.

pub mod engine;
pub mod memory;
#[expect(clippy::expect_used, reason = "tests may panic")]
pub mod postgres;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_api::{Capabilities, SafetyChecking, webhook_body};
use facegen_core::fake::{FakeBuckets, FakeFaceReader, MemoryStore};
use facegen_core::key_limits::KeyLimits;
use facegen_core::request::Style;
use facegen_core::store::{StoreError, Stores};
use facegen_core::{
    Clock, Provenance, RequestLimits, WebhookMessage, WebhookOutcome, WebhookSender,
};
use facegen_jobs::{JobsConfig, KeyBuckets, MasterKey, NodeProfile, Ports};
use facegen_store::SqliteStore;

/// Returns the numbers of a small server: a queue of 100, leases of 30 s, images kept for a day.
pub fn jobs_config() -> JobsConfig {
    JobsConfig {
        preset: "tiny".into(),
        networks: 1,
        queue_limit: 100,
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        max_attempts: 3,
        step_timeout: Duration::from_mins(5),
        keep_images: Duration::from_hours(24),
        keep_rows: Duration::from_hours(24),
        face_timeout: Duration::from_secs(10),
        sign_webhooks: true,
        parameters_in_files: false,
        key_limits: KeyLimits::default(),
    }
}

/// Returns what a preset offers that has one style and no safety checker.
pub fn capabilities() -> Capabilities {
    Capabilities {
        preset: String::from("tiny"),
        safety_checking: SafetyChecking::Absent,
        styles: vec![Style::Realistic],
        limits: RequestLimits::default(),
        notice: None,
        dtype: "f32",
    }
}

/// Returns fakes behind every port, by this clock: no photo behind any URL, images in memory as
/// their bare pixels, no bucket, and receivers that accept every webhook.
pub fn ports(clock: Arc<dyn Clock>) -> Ports {
    Ports {
        node: NodeProfile::default(),
        faces: Arc::new(FakeFaceReader::default()),
        images: Arc::new(MemoryStore::new(Arc::clone(&clock))),
        bucket: None,
        key_buckets: KeyBuckets {
            opener: Arc::new(FakeBuckets::default()),
            patience: Duration::ZERO,
        },
        webhooks: Arc::new(NoWebhooks),
        encoder: Arc::new(|image, _| Ok(image.pixels.pixels().to_vec())),
        provenance: Provenance {
            generator: "a test".into(),
            parameters: None,
        },
        upload_encoder: Arc::new(|image| Ok(image.pixels().to_vec())),
        master_key: MasterKey::from_bytes([7; 32]),
        webhook_body: Arc::new(|job, now| webhook_body(job, now, None, &capabilities())),
        clock,
        observer: Arc::new(|_, _| {}),
    }
}

/// Opens the stores in a directory, for one service.
///
/// # Errors
/// Fails when the database cannot be opened.
pub async fn stores(directory: &Path) -> Result<Stores, StoreError> {
    let store = SqliteStore::open_exclusive(&directory.join("jobs.sqlite")).await?;
    Ok(store.into_stores())
}

/// Receivers that accept everything.
#[derive(Debug)]
struct NoWebhooks;

#[async_trait]
impl WebhookSender for NoWebhooks {
    async fn send(&self, _: &WebhookMessage) -> WebhookOutcome {
        WebhookOutcome::Delivered
    }
}
