//! One process of a server, whose engine needs no time.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::{Context, Result};
use async_trait::async_trait;
use facegen_core::{ImageStore, ObjectName, RgbImage, StorageError, SystemClock, Timestamp};
use facegen_executor::EngineHandle;
use facegen_jobs::{Checkpoint, JobService, JobsConfig, Ports, Running};
use facegen_testkit::engine::ReadyImage;
use facegen_testkit::{jobs_config, ports};

use crate::database::Database;

/// Who learns when a job was claimed, and when the engine had it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers {
    pub(crate) claimed: Option<Sender<Instant>>,
    pub(crate) admitted: Option<Sender<Instant>>,
}

fn tell(watcher: Option<&Sender<Instant>>) {
    if let Some(watcher) = watcher {
        // The measurement may be over.
        let _ = watcher.send(Instant::now());
    }
}

/// Opens a node without an engine.
pub(crate) async fn open(database: &Database, watchers: &Watchers) -> Result<JobService> {
    let claimed = watchers.claimed.clone();
    let ports = Ports {
        images: Arc::new(NoImages),
        observer: Arc::new(move |checkpoint, _| {
            if checkpoint == Checkpoint::Claimed {
                tell(claimed.as_ref());
            }
        }),
        ..ports(Arc::new(SystemClock))
    };
    let stores = database.stores().await?;
    let config: JobsConfig = jobs_config();
    Ok(JobService::open(config, ports, stores).await?)
}

/// Starts a node with an engine.
pub(crate) async fn start(
    database: &Database,
    watchers: &Watchers,
) -> Result<(JobService, Running)> {
    let service = open(database, watchers).await?;
    let running = service.start();
    let admitted_at = watchers.admitted.clone();
    let image = RgbImage::new(64, 64, vec![0; 64 * 64 * 3]).context("no image")?;
    let engine = EngineHandle::spawn("engine", move || {
        let admitted_at = admitted_at.clone();
        let engine = ReadyImage::new(image.clone(), move || tell(admitted_at.as_ref()));
        Ok(Box::new(engine) as _)
    })?;
    running.attach(Arc::new(engine));
    Ok((service, running))
}

/// A store that keeps nothing.
#[derive(Debug)]
struct NoImages;

#[async_trait]
impl ImageStore for NoImages {
    async fn put(&self, _: &ObjectName, _: Vec<u8>) -> Result<(), StorageError> {
        Ok(())
    }

    async fn get(&self, _: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }

    async fn delete(&self, _: &ObjectName) -> Result<(), StorageError> {
        Ok(())
    }

    async fn delete_before(&self, _: Timestamp) -> Result<usize, StorageError> {
        Ok(0)
    }
}
