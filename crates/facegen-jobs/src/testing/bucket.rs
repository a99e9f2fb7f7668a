//! A bucket for tests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::fake::MemoryStore;
use facegen_core::{FileKind, ImageStore, ObjectName, StorageError, Timestamp};
use tokio::sync::watch;

use super::Harness;
use crate::buckets::Bucket;
use crate::ports::Ports;
use crate::service::JobService;

/// What a [`FakeBucket`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    Fails,
    Hangs,
    /// Does not answer before its mood changes.
    Waits,
    /// Takes only the first object of a job.
    FailsLater,
}

/// A bucket in memory that can fail, and counts what it is asked to keep.
#[derive(Debug, Clone)]
pub(crate) struct FakeBucket {
    pub(crate) objects: MemoryStore,
    pub(crate) asked: watch::Sender<usize>,
    mood: watch::Sender<Mood>,
}

impl FakeBucket {
    /// The prefix of links to its objects.
    pub(crate) const LINK_BASE: &str = "https://cdn.example/generations/";

    pub(crate) fn new(harness: &Harness, mood: Mood) -> Self {
        Self {
            objects: MemoryStore::new(Arc::new(harness.clock.clone())),
            asked: watch::Sender::new(0),
            mood: watch::Sender::new(mood),
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Opens a harness's service with this bucket and a short timeout.
    pub(crate) async fn open(&self, harness: &Harness) -> JobService {
        let bucket = Bucket {
            store: Arc::new(self.clone()),
            link_base: Self::LINK_BASE.into(),
            patience: Duration::from_millis(50),
        };
        let ports = Ports {
            bucket: Some(bucket),
            ..harness.ports()
        };
        harness.open_with(harness.config(), ports).await
    }
}

#[async_trait]
impl ImageStore for FakeBucket {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.asked.send_modify(|asked| *asked += 1);
        let mood = *self.mood.borrow();
        let is_first = object.file.index == 0 && object.file.kind == FileKind::Png;
        match mood {
            Mood::FailsLater if is_first => self.objects.put(object, bytes).await,
            Mood::Waits => {
                let mut mood = self.mood.subscribe();
                let _ = mood.wait_for(|mood| *mood != Mood::Waits).await;
                self.objects.put(object, bytes).await
            }
            Mood::Works => self.objects.put(object, bytes).await,
            Mood::Fails | Mood::FailsLater => Err(StorageError("as the test wants it".into())),
            Mood::Hangs => std::future::pending().await,
        }
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        if *self.mood.borrow() == Mood::Hangs {
            std::future::pending::<()>().await;
        }
        self.objects.get(object).await
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        self.objects.delete(object).await
    }

    async fn delete_before(&self, _: Timestamp) -> Result<usize, StorageError> {
        panic!("the janitor never deletes from a bucket")
    }
}
