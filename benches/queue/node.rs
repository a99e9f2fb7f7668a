//! One process of a server, whose engine needs no time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use anyhow::Result;
use async_trait::async_trait;
use facegen_core::request::ImageSize;
use facegen_core::{
    Backend, BackendError, Capacity, FoundFace, GeneratedImage, GenerationInput, GenerationOutput,
    GenerationTimings, ImageStore, ObjectName, RgbImage, Slot, SlotEvent, StorageError,
    SystemClock, Timestamp,
};
use facegen_executor::EngineHandle;
use facegen_jobs::{Checkpoint, JobService, JobsConfig, Ports, Running};
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
    let engine = EngineHandle::spawn("engine", move || {
        Ok(Box::new(NoOp {
            admitted: 0,
            inputs: BTreeMap::new(),
            admitted_at: admitted_at.clone(),
        }) as _)
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

/// An engine that needs no time.
#[derive(Debug)]
struct NoOp {
    admitted: u64,
    inputs: BTreeMap<Slot, GenerationInput>,
    admitted_at: Option<Sender<Instant>>,
}

impl Backend for NoOp {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        tell(self.admitted_at.as_ref());
        let slot = Slot::new(self.admitted);
        self.admitted += 1;
        self.inputs.insert(slot, input.clone());
        Ok(slot)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        let Some((slot, input)) = self.inputs.pop_first() else {
            return Vec::new();
        };
        let pixels = RgbImage::new(64, 64, vec![0; 64 * 64 * 3]);
        let images = pixels.into_iter().map(|pixels| GeneratedImage {
            pixels,
            seed: input.spec.seed(),
            safety: None,
        });
        let output = GenerationOutput {
            images: images.collect(),
            warnings: Vec::new(),
            timings: GenerationTimings::default(),
        };
        vec![SlotEvent::Finished { slot, output }]
    }

    fn find_faces(&mut self, _photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        Ok(Vec::new())
    }

    fn cancel(&mut self, slot: Slot) {
        self.inputs.remove(&slot);
    }

    fn active(&self) -> usize {
        self.inputs.len()
    }

    fn capacity(&self, _size: ImageSize) -> Capacity {
        Capacity::of_images(1)
    }
}
