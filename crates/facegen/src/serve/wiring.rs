//! Builds the job service and the backend from the config.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use facegen_core::store::{NodeRole, Stores};
use facegen_core::{Backend, Clock, EngineName, ImageStore};
use facegen_engine::CandleBackend;
use facegen_image::{encode_generated, encode_png};
use facegen_jobs::{JobService, MasterKey, NodeProfile, Observer, Ports};
use facegen_outbound::{DirectoryStore, HttpWebhooks};

use super::bucket;
use super::parts::jobs_config;
use super::reloadable::{Reloadable, RuntimeConfig};
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

/// Where an operator without a key looks on.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Opens the jobs, with all ports, and the clock that counts for them.
pub(super) async fn open_jobs(
    RuntimeConfig { config, preset }: &RuntimeConfig,
    environment: &Environment,
    reloadable: &Reloadable,
) -> Result<(JobService, Arc<dyn Clock>)> {
    let directory = &config.storage.data_dir;
    data_dir::make(directory)?;
    if let Some(warning) = data_dir::open_to_others(directory) {
        tracing::warn!("{warning}");
    }
    let master_key = master_key(config, environment)?;
    let (stores, clock) = stores::open_for_server(config).await?;
    agree(&stores, &master_key).await?;
    join(&stores, config.server.role).await?;
    let deadline = HttpWebhooks::DEFAULT_DEADLINE;
    let webhooks = HttpWebhooks::new(reloadable.guard(), Arc::clone(&clock), deadline);
    let settings = reloadable.settings.clone();
    let ports = Ports {
        node: profile(config),
        faces: Arc::new(reloadable.faces.clone()),
        images: images(config)?,
        bucket: bucket::open(config)?,
        key_buckets: bucket::of_keys(config, reloadable.guard()),
        webhooks: Arc::new(webhooks),
        encoder: Arc::new(|image, provenance| {
            encode_generated(&image.pixels, provenance).map_err(|error| error.to_string())
        }),
        provenance: provenance(),
        upload_encoder: Arc::new(|image| encode_png(image).map_err(|error| error.to_string())),
        master_key,
        webhook_body: Arc::new(move |job, now| {
            let settings = settings.get();
            let public_url = settings.config.public_url.as_deref();
            facegen_api::webhook_body(job, now, public_url, &settings.capabilities)
        }),
        clock: Arc::clone(&clock),
        observer: observer(config)?,
    };
    let jobs = JobService::open(jobs_config(config, preset), ports, stores).await;
    Ok((jobs.with_context(|| cannot_use(directory))?, clock))
}

/// Opens the store of the images that are read at this server: a directory of
/// its own, or for nodes with parts of the work what all of them reach.
fn images(config: &Config) -> Result<Arc<dyn ImageStore>> {
    if config.server.role != NodeRole::All {
        let shared = bucket::shared(config)?;
        return Ok(Arc::new(shared.context("storage.s3.bucket is not set")?));
    }
    let directory = &config.storage.data_dir;
    let images = DirectoryStore::open(directory.join(IMAGES));
    Ok(Arc::new(images.with_context(|| cannot_use(directory))?))
}

/// Returns what other nodes see of this process.
fn profile(config: &Config) -> NodeProfile {
    let host = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let host = match host.trim() {
        "" => "unknown host",
        host => host,
    };
    NodeProfile {
        role: config.server.role,
        name: format!("{host}, process {}", std::process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Ensures that all nodes on a database have one master key, as each opens what
/// the others have sealed.
async fn agree(stores: &Stores, master_key: &MasterKey) -> Result<()> {
    // The key of a server that is alone is next to its database.
    if stores.health.is_exclusive() {
        return Ok(());
    }
    let agrees = stores.nodes.agree(&master_key.fingerprint()).await;
    ensure!(
        agrees.context("cannot compare the master key")?,
        "the master key is not the one that the nodes on this database share: set \
         FACEGEN_MASTER_KEY_FILE (or FACEGEN_MASTER_KEY) to that key, or run \
         `facegen db forget-master-key` if it was replaced at all nodes"
    );
    Ok(())
}

/// Ensures that a server that has its images to itself is the only one on its
/// database.
async fn join(stores: &Stores, role: NodeRole) -> Result<()> {
    let joined = stores.nodes.join(role).await;
    let joined = joined.context("cannot look at the other nodes")?;
    match role {
        NodeRole::All => ensure!(
            joined,
            "another server or node works on this database, and server.role is \"all\": the images of \
             such a server are in its data directory, where no other finds them. Stop the other, or \
             set server.role to \"api\" and \"worker\" (docs/guides/many-machines.md)"
        ),
        NodeRole::Api | NodeRole::Worker => ensure!(
            joined,
            "a server of the role \"all\" works on this database: its images are in its data \
             directory, where no other finds them. Stop it first, or wait until `facegen db copy` has ended"
        ),
    }
    Ok(())
}

/// Returns the master key, which encrypts the secrets of keys: that of the
/// environment, else that of the data directory.
pub(crate) fn master_key(config: &Config, environment: &Environment) -> Result<MasterKey> {
    if let Some(known) = known_master_key(config, environment)? {
        return Ok(known);
    }
    let role = config.server.role;
    ensure!(
        role == NodeRole::All,
        "server.role is \"{}\", so FACEGEN_MASTER_KEY_FILE (or FACEGEN_MASTER_KEY) must be set: \
         all nodes share one master key",
        role.as_str()
    );
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

/// Returns the master key if there is one, and makes none.
pub(crate) fn known_master_key(
    config: &Config,
    environment: &Environment,
) -> Result<Option<MasterKey>> {
    if let Some(text) = environment.master_key()? {
        let key = MasterKey::parse(&text);
        return Ok(Some(
            key.context("the master key of the environment cannot be used")?,
        ));
    }
    let file = config.storage.data_dir.join(MASTER_KEY);
    MasterKey::in_existing_file(&file).context("there is no master key")
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
