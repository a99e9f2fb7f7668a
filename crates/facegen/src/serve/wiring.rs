//! Builds the job service and the backend from the config.

use std::sync::Arc;

use anyhow::{Context, Result};
use facegen_core::{Backend, Clock, EngineName, SystemClock};
use facegen_engine::CandleBackend;
use facegen_image::{encode_generated, encode_png};
use facegen_jobs::{JobService, MasterKey, Observer, Ports};
use facegen_outbound::{DirectoryStore, HttpWebhooks};

use super::bucket;
use super::parts::jobs_config;
use super::reloadable::Reloadable;
use crate::config::Config;
use crate::config::batch_limit::BatchLimit;
use crate::config::environment::Environment;
use crate::data_dir::{self, cannot_use};
use crate::provenance::provenance;
use crate::stores;

/// The directory of finished images, below the data directory.
pub(crate) const IMAGES: &str = "pictures";

/// The file of the master key, below the data directory.
const MASTER_KEY: &str = "master.key";

/// Opens the jobs of the data directory, with all ports.
pub(super) async fn open_jobs(
    config: &Config,
    environment: &Environment,
    reloadable: &Reloadable,
) -> Result<JobService> {
    let directory = &config.storage.data_dir;
    data_dir::make(directory)?;
    if let Some(warning) = data_dir::open_to_others(directory) {
        tracing::warn!("{warning}");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let images =
        DirectoryStore::open(directory.join(IMAGES)).with_context(|| cannot_use(directory))?;
    let deadline = HttpWebhooks::DEFAULT_DEADLINE;
    let webhooks = HttpWebhooks::new(reloadable.guard(), Arc::clone(&clock), deadline);
    let settings = reloadable.settings.clone();
    let ports = Ports {
        faces: Arc::new(reloadable.faces.clone()),
        images: Arc::new(images),
        bucket: bucket::open(config)?,
        key_buckets: bucket::of_keys(config, reloadable.guard()),
        webhooks: Arc::new(webhooks),
        encoder: Arc::new(|image, provenance| {
            encode_generated(&image.pixels, provenance).map_err(|error| error.to_string())
        }),
        provenance: provenance(),
        upload_encoder: Arc::new(|image| encode_png(image).map_err(|error| error.to_string())),
        master_key: master_key(config, environment)?,
        webhook_body: Arc::new(move |job, now| {
            let settings = settings.get();
            let public_url = settings.config.public_url.as_deref();
            facegen_api::webhook_body(job, now, public_url, &settings.capabilities)
        }),
        clock,
        observer: observer(config)?,
    };
    let stores = stores::open_for_server(config).await?;
    let jobs = JobService::open(jobs_config(config), ports, stores).await;
    jobs.with_context(|| cannot_use(directory))
}

/// Returns the master key, which encrypts the secrets of keys: that of the
/// environment, else that of the data directory.
pub(crate) fn master_key(config: &Config, environment: &Environment) -> Result<MasterKey> {
    if let Some(text) = environment.master_key()? {
        return MasterKey::parse(&text).context("the master key of the environment cannot be used");
    }
    let file = config.storage.data_dir.join(MASTER_KEY);
    MasterKey::in_file(&file).context("there is no master key")
}

/// Lets as many images share a step as configured.
pub(crate) fn limited(config: &Config, backend: CandleBackend) -> CandleBackend {
    match config.engine.batch_limit {
        BatchLimit::Auto => backend.with_advised_batch(),
        BatchLimit::Images(images) => backend.with_batch_limit(images.into()),
    }
}

/// Returns the backend of this engine, as configured.
pub(super) fn backend_of(
    config: &Config,
    engine: &EngineName,
    backend: CandleBackend,
) -> Box<dyn Backend> {
    let backend = Box::new(limited(config, backend));
    #[cfg(not(debug_assertions))]
    let _ = engine;
    #[cfg(debug_assertions)]
    if config.testing.engine_hangs == engine.as_str() {
        return Box::new(super::testing::Hanging(backend));
    }
    backend
}

#[cfg(debug_assertions)]
fn observer(config: &Config) -> Result<Observer> {
    super::testing::observer(&config.testing)
}

#[cfg(not(debug_assertions))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "it can fail in builds for development"
)]
fn observer(_: &Config) -> Result<Observer> {
    Ok(Arc::new(|_, _| ()))
}
