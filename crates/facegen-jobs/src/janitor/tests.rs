//! What is deleted, and when.

mod uploads;

use std::sync::OnceLock;

use async_trait::async_trait;
use facegen_core::fake::{FakeControl, MemoryStore};
use facegen_core::key::KeyId;
use facegen_core::store::{Node, NodeRole, WorkerId};
use facegen_core::{Clock, FileName, FilePrefix, ImageStore, JobState, ObjectName, StorageError};
use facegen_store::sqlite::testing::Count;

use super::*;
use crate::service::JobService;
use crate::testing::bucket::{FakeBucket, Mood};
use crate::testing::{
    Harness, TIMEOUT, count, end_of, first_file, new_key, submission, with_webhook,
};

const ROWS: Count = Count::Jobs;
const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);

async fn submit(service: &JobService, key: KeyId, prompt: &str) -> Job {
    let submission = submission(key, with_webhook(prompt));
    service.submit(submission).await.unwrap()
}

async fn clean(harness: &Harness, service: &JobService) {
    let janitor = Janitor::new(
        Arc::clone(&service.context.storage),
        CancellationToken::new(),
    );
    janitor.clean(harness.clock.now()).await;
}

#[tokio::test]
async fn images_are_deleted_after_a_day_and_rows_two_days_later() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let cancelled = submit(&service, key, "is cancelled").await;
    service.cancel(key, cancelled.id).await.unwrap();
    running.attach(harness.engine());
    let job = submit(&service, key, "a person").await;
    let job = end_of(&service, job.id).await;
    running.shutdown(TIMEOUT).await;

    harness.clock.advance(DAY - MOMENT);
    clean(&harness, &service).await;
    assert!(service.read(&first_file(&job)).await.unwrap().is_some());
    harness.clock.advance(MOMENT);
    assert_eq!(service.read(&first_file(&job)).await.unwrap(), None);
    assert_eq!(harness.images.len(), 1, "the janitor has not run yet");
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());

    let store = harness.store().await;
    harness.clock.advance(2 * DAY - MOMENT);
    clean(&harness, &service).await;
    let found = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.expires_at),
        (JobState::Succeeded, job.expires_at)
    );
    assert_eq!(count(&store, ROWS).await, 2);
    harness.clock.advance(MOMENT);
    clean(&harness, &service).await;
    assert_eq!(count(&store, ROWS).await, 0);
    assert_eq!(count(&store, Count::Deliveries).await, 0);
    assert!(service.find(key, job.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_shorter_retention_applies_to_later_images() {
    let harness = Harness::new();
    let (service, key, running) = harness.begin().await;
    let job = submit(&service, key, "a person").await;
    let job = end_of(&service, job.id).await;
    running.shutdown(TIMEOUT).await;
    let mut config = harness.config();
    config.keep_images = Duration::from_hours(1);
    service.reconfigure(config);
    harness.clock.advance(DAY - MOMENT);
    clean(&harness, &service).await;
    assert!(service.read(&first_file(&job)).await.unwrap().is_some());
    harness.clock.advance(MOMENT);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
}

/// A store of images that cannot delete those of one job.
#[derive(Debug)]
struct Stubborn {
    inner: MemoryStore,
    keeps: Arc<OnceLock<FilePrefix>>,
}

#[async_trait]
impl ImageStore for Stubborn {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.inner.put(object, bytes).await
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.get(object).await
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        if self.keeps.get() == Some(&object.file.prefix) {
            return Err(StorageError("the file is locked".into()));
        }
        self.inner.delete(object).await
    }

    async fn delete_before(&self, _: Timestamp) -> Result<usize, StorageError> {
        Err(StorageError("the directory cannot be read".into()))
    }
}

#[tokio::test]
async fn what_cannot_be_deleted_or_read_stops_nothing_else() {
    let harness = Harness::new();
    let keeps = Arc::new(OnceLock::new());
    let mut ports = harness.ports();
    ports.images = Arc::new(Stubborn {
        inner: harness.images.clone(),
        keeps: Arc::clone(&keeps),
    });
    let service = harness.open_with(harness.config(), ports).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    let mut jobs = Vec::new();
    for prompt in ["is locked", "is unreadable", "goes"] {
        let job = submit(&service, key, prompt).await;
        jobs.push(end_of(&service, job.id).await);
    }
    running.shutdown(TIMEOUT).await;
    keeps.set(jobs[0].file_prefix.clone()).unwrap();
    let store = harness.store().await;
    store.damage_job(jobs[1].id).await;

    harness.clock.advance(DAY);
    clean(&harness, &service).await;
    assert_eq!(harness.images.len(), 2);
    assert_eq!(service.read(&first_file(&jobs[2])).await.unwrap(), None);
    let erased = Count::ImagesDeleted(3);
    assert_eq!(count(&store, erased).await, 1);
    harness.clock.advance(2 * DAY);
    clean(&harness, &service).await;
    assert_eq!(count(&store, ROWS).await, 2);
}

#[tokio::test]
async fn the_log_is_truncated_even_if_rows_cannot_be_deleted() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = submit(&service, key, "a person").await;
    service.cancel(key, job.id).await.unwrap();
    let rows = harness.store().await;
    let mut log = harness.database().into_os_string();
    log.push("-wal");
    let log_bytes = || std::fs::metadata(&log).unwrap().len();
    assert!(log_bytes() > 0);

    rows.refuse_deletions().await;
    harness.clock.advance(365 * DAY);
    clean(&harness, &service).await;
    assert_eq!(count(&rows, ROWS).await, 1);
    assert_eq!(log_bytes(), 0);
}

#[tokio::test]
async fn nodes_that_crashed_are_forgotten_after_a_day() {
    let harness = Harness::new();
    let service = harness.open().await;
    let node = Node {
        id: WorkerId::new("crashed"),
        role: NodeRole::Worker,
        name: String::new(),
        preset: String::new(),
        engines: Vec::new(),
        models: 0,
        version: String::new(),
        draining: false,
        started_at: harness.clock.now(),
        seen_at: harness.clock.now(),
    };
    let nodes = &service.context.storage.stores.nodes;
    nodes.heartbeat(&node).await.unwrap();
    for (later, left) in [(DAY, 1), (MOMENT, 0)] {
        harness.clock.advance(later);
        clean(&harness, &service).await;
        assert_eq!(nodes.list(node.seen_at).await.unwrap().len(), left);
    }
}

#[tokio::test]
async fn waiting_jobs_never_expire() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = submit(&service, key, "a person").await;
    harness.clock.advance(365 * DAY);
    clean(&harness, &service).await;
    let found = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(found.state, JobState::Queued);
    let store = harness.store().await;
    assert_eq!(count(&store, Count::Photos).await, 1);
}

#[tokio::test]
async fn files_of_dead_attempts_are_deleted_after_a_day_and_an_hour() {
    let harness = Harness::new();
    let service = harness.open().await;
    let prefix = FilePrefix::parse("8c3ef6ea-1c44-4d69-91cb-fc11971a65d1").unwrap();
    let object = ObjectName {
        file: FileName {
            prefix,
            index: 0,
            kind: facegen_core::FileKind::Png,
        },
        attempt: 1,
    };
    harness.images.put(&object, vec![1]).await.unwrap();
    harness.clock.advance(DAY + LEFTOVERS);
    clean(&harness, &service).await;
    assert_eq!(harness.images.len(), 1);
    harness.clock.advance(MOMENT);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
}

#[tokio::test]
async fn more_images_expire_at_once_than_fit_one_query() {
    let harness = Harness::with_control(FakeControl::new());
    let (service, key, running) = harness.begin().await;
    let mut jobs = Vec::new();
    for index in 0..110 {
        jobs.push(submit(&service, key, &format!("job {index}")).await);
    }
    for job in jobs {
        end_of(&service, job.id).await;
    }
    running.shutdown(TIMEOUT).await;
    assert_eq!(harness.images.len(), 110);
    harness.clock.advance(DAY);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
}

#[tokio::test]
async fn cleaning_runs_at_the_start_and_every_minute_by_the_clock() {
    let harness = Harness::new();
    let (service, key, running) = harness.begin().await;
    let job = submit(&service, key, "a person").await;
    let job = end_of(&service, job.id).await;
    assert_eq!(harness.images.len(), 1);
    harness.clock.advance(DAY);
    let gone = async {
        while !harness.images.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, gone)
        .await
        .expect("it is deleted");
    assert!(service.find(key, job.id).await.unwrap().is_some());
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn images_in_a_bucket_stay_and_their_rows_are_deleted_like_others() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Works);
    let service = bucket.open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    let direct = submit(&service, key, "direct").await;
    let direct = end_of(&service, direct.id).await;
    bucket.set(Mood::Fails);
    let later = submit(&service, key, "later").await;
    let later = end_of(&service, later.id).await;
    running.shutdown(TIMEOUT).await;
    assert!(direct.link_base.is_some() && later.link_base.is_none());
    let store = harness.store().await;
    let base = FakeBucket::LINK_BASE;
    store
        .stores()
        .jobs
        .images_uploaded(later.id, later.attempt, base)
        .await
        .unwrap();

    harness.clock.advance(DAY);
    clean(&harness, &service).await;
    assert!(harness.images.is_empty());
    for id in [direct.id, later.id] {
        let job = service.find(key, id).await.unwrap().unwrap();
        assert!(job.link_base.is_some() && !job.has_expired(harness.clock.now()));
    }
    harness.clock.advance(2 * DAY - MOMENT);
    clean(&harness, &service).await;
    assert_eq!(count(&store, ROWS).await, 2);
    harness.clock.advance(MOMENT);
    clean(&harness, &service).await;
    assert_eq!(count(&store, ROWS).await, 0);
    assert_eq!(bucket.objects.len(), 1, "the bucket still has it");
}
