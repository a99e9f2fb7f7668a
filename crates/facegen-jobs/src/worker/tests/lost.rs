//! Jobs that are cancelled or requeued while they run.

use std::sync::Mutex;
use std::sync::mpsc;

use async_trait::async_trait;
use facegen_core::fake::MemoryStore;
use facegen_core::store::DeadWorkers;
use facegen_core::store::Death;
use facegen_core::{Clock, ImageStore, ObjectName, StorageError, Timestamp};
use facegen_store::sqlite::testing::Count;

use super::*;
use crate::ports::Ports;
use crate::testing::log::Log;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_stops_exactly_that_job() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let mut jobs = Vec::new();
    for prompt in ["runs", "is ahead", "waits", "waits too"] {
        jobs.push(submit(&service, key, prompt).await);
    }
    running.attach(harness.engine());
    harness.control.let_pass(3);
    trail.reached(Checkpoint::Denoising, "runs", 3).await;
    // The waiting one first: it would be claimed once the running one ends.
    for index in [2, 0] {
        let job = service.cancel(key, jobs[index].id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Cancelled);
    }
    let running_jobs = || service.context.execution.running_jobs.fences();
    while running_jobs().iter().any(|fence| fence.id == jobs[0].id) {
        tokio::task::yield_now().await;
    }
    harness.control.open();
    for (job, state) in jobs.iter().zip([
        JobState::Cancelled,
        JobState::Succeeded,
        JobState::Cancelled,
        JobState::Succeeded,
    ]) {
        assert_eq!(end_of(&service, job.id).await.state, state);
    }
    assert!(harness.control.wait_until(|counts| counts.cancelled == 1));
    assert_eq!(harness.images.len(), 2);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_over_which_a_worker_died_runs_alone() {
    let harness = Harness::new();
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let suspect = submit(&service, key, "suspect").await;
    let neighbour = submit(&service, key, "neighbour").await;
    let store = harness.store().await;
    store.crash_once(suspect.id).await;
    let running = service.start();
    running.attach(harness.engine());
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    harness.control.let_pass(5);
    assert!(harness.control.wait_until(|counts| counts.ticks == 6));
    let found = service.find(key, neighbour.id).await.unwrap().unwrap();
    assert_eq!(found.state, JobState::Queued);
    harness.control.open();
    assert_eq!(end_of(&service, suspect.id).await.attempt, 2);
    assert_eq!(end_of(&service, neighbour.id).await.attempt, 1);
    running.shutdown(Duration::ZERO).await;
}

/// Stops one job at one checkpoint until the test lets it continue.
fn gate(at: Checkpoint) -> (Observer, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (come, is_there) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let observer: Observer = Arc::new(move |checkpoint, _| {
        if checkpoint == at {
            come.send(()).unwrap();
            let wait = || may_go_on.lock().unwrap().recv().unwrap();
            tokio::task::block_in_place(wait);
        }
    });
    (observer, is_there, go_on)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_before_the_finish_wins_and_no_file_stays() {
    let mut harness = Harness::new();
    let (observer, is_there, go_on) = gate(Checkpoint::Finishing);
    harness.observer = observer;
    let (service, key, running) = harness.begin().await;
    let job = submit(&service, key, "contested").await;
    is_there.recv().unwrap();
    assert_eq!(harness.images.len(), 1);
    let cancelled = service.cancel(key, job.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    go_on.send(()).unwrap();
    running.shutdown(crate::testing::TIMEOUT).await;
    assert_eq!(end_of(&service, job.id).await.state, JobState::Cancelled);
    assert!(harness.images.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_for_a_while_costs_no_attempt() {
    let log = Log::get();
    let mut harness = Harness::new();
    let (observer, is_there, go_on) = gate(Checkpoint::Finishing);
    harness.observer = observer;
    let (service, key, running) = harness.begin().await;
    let job = submit(&service, key, "a person").await;
    is_there.recv().unwrap();
    harness.store().await.set_read_only(true).await;
    go_on.send(()).unwrap();
    log.holds("failed to finish job, will be retried").await;
    let found = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(found.state, JobState::Running);
    harness.store().await.set_read_only(false).await;
    let job = end_of(&service, job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    assert_eq!(harness.control.counts().admitted, 1);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_was_requeued_is_dropped_at_the_next_heartbeat() {
    let harness = Harness::new();
    harness.control.close();
    let mut config = harness.config();
    config.heartbeat = Duration::from_millis(20);
    let service = harness.open_with(config, harness.ports()).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    let job = submit(&service, key, "taken away").await;
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    // As if another machine had taken this worker for dead.
    let jobs = harness.store().await.stores().jobs;
    let [id] = &jobs.workers().await.unwrap()[..] else {
        panic!("one worker has claimed");
    };
    let dead = DeadWorkers::Worker {
        id: id.clone(),
        death: Death::Unknown,
    };
    let reclaimed = jobs.reclaim(&dead, 3, harness.clock.now()).await;
    assert_eq!(reclaimed.unwrap().requeued, [job.id]);
    let mut attempt = 1;
    while attempt == 1 {
        harness.control.let_pass(1);
        attempt = service.find(key, job.id).await.unwrap().unwrap().attempt;
        tokio::task::yield_now().await;
    }
    harness.control.open();
    let job = end_of(&service, job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    assert_eq!(harness.images.len(), 1);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_forward_runs_nothing_twice() {
    let harness = Harness::new();
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    let job = submit(&service, key, "a person").await;
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    let store = harness.store().await;
    // The first time it may be the first heartbeat that keeps the lease.
    for _ in 0..2 {
        harness.clock.advance(Duration::from_hours(1));
        let due = harness.clock.now().as_millis();
        // The worker renews leases within a second.
        let lease = Count::LastLease;
        while count(&store, lease).await <= due {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    harness.control.open();
    let job = end_of(&service, job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    assert_eq!(harness.control.counts().admitted, 1);
    running.shutdown(Duration::ZERO).await;
}

/// A store of images that refuses some images first.
#[derive(Debug)]
struct FailingStore {
    inner: MemoryStore,
    refuses: Box<dyn Refuses>,
}

/// Decides whether an image is refused.
trait Refuses: std::fmt::Debug + Send + Sync {
    fn refuses(&self, object: &ObjectName) -> bool;
}

/// The first images, so many.
#[derive(Debug)]
struct First(Mutex<u32>);

impl Refuses for First {
    fn refuses(&self, _object: &ObjectName) -> bool {
        let mut left = self.0.lock().unwrap();
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        refuses
    }
}

/// Every image of the first attempt.
#[derive(Debug)]
struct FirstAttempt;

impl Refuses for FirstAttempt {
    fn refuses(&self, object: &ObjectName) -> bool {
        object.attempt == 1
    }
}

#[async_trait]
impl ImageStore for FailingStore {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        if self.refuses.refuses(object) {
            return Err(StorageError("the disk is full".into()));
        }
        self.inner.put(object, bytes).await
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.get(object).await
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        self.inner.delete(object).await
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        self.inner.delete_before(moment).await
    }
}

/// Returns the job after its images were refused like this, and how often it
/// was admitted to the engine.
async fn end_with(refuses: Box<dyn Refuses>) -> (Job, usize) {
    let harness = Harness::new();
    let images = FailingStore {
        inner: harness.images.clone(),
        refuses,
    };
    let ports = Ports {
        images: Arc::new(images),
        ..harness.ports()
    };
    let mut config = harness.config();
    config.lease = Duration::from_secs(1);
    config.heartbeat = Duration::from_millis(100);
    let service = harness.open_with(config, ports).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    let job = submit(&service, key, "a person").await;
    let job = end_of(&service, job.id).await;
    running.shutdown(Duration::ZERO).await;
    assert_eq!(harness.images.len(), 1);
    (job, harness.control.counts().admitted)
}

#[tokio::test]
async fn an_image_that_is_refused_for_a_moment_is_not_made_again() {
    let (job, admitted) = end_with(Box::new(First(Mutex::new(2)))).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn a_job_whose_images_cannot_be_stored_waits_and_runs_again() {
    let (job, admitted) = end_with(Box::new(FirstAttempt)).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    assert_eq!(admitted, 2);
}
