//! The tests of job stores. Each calls [`all`] in its tests.

pub(crate) mod clearing;
mod dying;
mod fitting;
pub(crate) mod interleavings;

use std::collections::HashSet;
use std::time::Duration;

use facegen_core::fake::ManualClock;
use facegen_core::redact::SafeUrl;
use facegen_core::{
    Clock, ErrorCode, FaceSource, FilePrefix, GenerationRequest, JobState, SafetyVerdict,
};
use uuid::Uuid;

use async_trait::async_trait;
use facegen_core::fake::requests::{inline, request, with_webhook};
use facegen_core::job::{FaceOrigin, Failure, ImageRecord, Job, JobId, Outcome, Stages};
use facegen_core::key::KeyId;
use facegen_core::store::{
    Claim, ClaimScope, DeadWorkers, Death, Fence, ImageLocation, JobStore, Load, NewJob, QueueFull,
    QueueLimits, Reclaimed, Success, WorkerId, cost,
};

const LEASE: Duration = Duration::from_secs(30);

/// A queue without jobs, and two keys.
pub(crate) struct Empty {
    pub(crate) queue: Box<dyn JobStore>,
    pub(crate) keys: [KeyId; 2],
    /// Counts the stored photos and webhooks.
    pub(crate) count: Box<dyn AsyncCount>,
}

#[async_trait]
pub(crate) trait AsyncCount: Send + Sync {
    async fn photos(&self) -> i64;
    async fn webhooks(&self) -> i64;
}

/// A queue with helpers for tests.
struct Test {
    queue: Box<dyn JobStore>,
    keys: [KeyId; 2],
    count: Box<dyn AsyncCount>,
    clock: ManualClock,
}

/// Returns a limit for all keys together.
pub(crate) fn limit(queue: u32) -> QueueLimits {
    QueueLimits { queue, share: 0 }
}

/// Returns the worker that claims.
pub(crate) fn worker() -> WorkerId {
    WorkerId::new("a worker")
}

/// Returns this death of the worker that claims.
pub(crate) fn died(death: Death) -> DeadWorkers {
    DeadWorkers::Worker {
        id: worker(),
        death,
    }
}

/// Runs every test of this suite, each with its own queue.
pub(crate) async fn all(empty: impl AsyncFn() -> Empty) {
    let new = async || {
        let Empty { queue, keys, count } = empty().await;
        let clock = ManualClock::new();
        Test {
            queue,
            keys,
            count,
            clock,
        }
    };
    jobs_come_in_their_order(new().await).await;
    a_row_returns_what_was_inserted(new().await).await;
    the_limit_counts_waiting_jobs(new().await).await;
    a_key_has_its_share_and_no_more(new().await).await;
    a_late_writer_changes_nothing(new().await).await;
    fitting::a_job_is_fitted_to_its_photo(new().await).await;
    every_end_takes_the_photo_and_writes_the_webhook(new().await).await;
    a_released_job_is_next_and_loses_nothing(new().await).await;
    dying::leases_run_out_and_heartbeats_keep_them(new().await).await;
    dying::a_job_fails_when_its_workers_died_three_times(new().await).await;
    dying::a_job_that_killed_a_worker_runs_alone_and_in_its_turn(new().await).await;
    dying::a_death_counts_against_what_the_engine_had(new().await).await;
    dying::a_death_from_inside_counts_against_all_when_the_engine_had_nothing(new().await).await;
    dying::a_death_of_unknown_cause_counts_half(new().await).await;
    dying::an_expired_lease_is_not_a_crash(new().await).await;
    dying::an_engine_that_is_lost_counts_against_what_it_had(new().await).await;
    jobs_with_inline_photos_may_overtake_others(new().await).await;
    cancelling_is_for_the_owner_and_for_what_has_not_ended(new().await).await;
    clearing::clearing_ends_what_waits_and_nothing_else(new().await).await;
    clearing::clearing_for_a_key_leaves_the_others_alone(new().await).await;
    clearing::the_whole_load_is_what_waits_and_what_runs(new().await).await;
    load_is_what_comes_before(new().await).await;
    keys_take_turns(new().await).await;
    a_turn_without_a_result_is_restored(new().await).await;
    the_time_of_a_job_is_that_from_its_beginning_in_the_engine(new().await).await;
}

impl Test {
    fn new_job(&self, request: GenerationRequest) -> NewJob {
        NewJob {
            key: self.keys[0],
            request,
            face: inline(),
            file_prefix: FilePrefix::parse(&Uuid::new_v4().to_string()).unwrap(),
            base_url: "http://localhost:8080".into(),
            priority: 0,
            preset: None,
            created_at: self.clock.now(),
        }
    }

    async fn insert(&self, prompt: &str) -> Job {
        let job = self.new_job(with_webhook(prompt));
        self.queue.insert(&job, limit(100)).await.unwrap().unwrap()
    }

    async fn claim(&self, scope: ClaimScope) -> Option<Claim> {
        let now = self.clock.now();
        self.queue
            .claim(scope, &worker(), now, now + LEASE)
            .await
            .unwrap()
    }

    async fn claimed(&self) -> Claim {
        self.claim(ClaimScope::Any).await.unwrap()
    }

    async fn state(&self, id: JobId) -> JobState {
        self.queue.find(None, id).await.unwrap().unwrap().state
    }

    /// Returns the success of a job that the engine started this long ago.
    fn success(&self, time: Duration) -> Success {
        Success {
            now: self.clock.now(),
            location: ImageLocation::Directory {
                expires_at: self.clock.now() + Duration::from_hours(24),
                upload: false,
            },
            warnings: vec!["a warning".into()],
            outcome: Outcome {
                generation_time: time,
                stages: Stages::default(),
                images: vec![record()],
                engine: Some("cuda:1".into()),
            },
        }
    }

    async fn reclaim(&self, from: DeadWorkers) -> Reclaimed {
        let now = self.clock.now();
        self.queue.reclaim(&from, 3, now).await.unwrap()
    }
}

fn record() -> ImageRecord {
    ImageRecord {
        seed: 7,
        safety: Some(verdict()),
    }
}

fn verdict() -> SafetyVerdict {
    SafetyVerdict {
        flagged: true,
        concepts: vec![0.0006, -0.25],
        special_care: vec![-0.125],
    }
}

fn failure() -> Failure {
    Failure {
        code: ErrorCode::NoFace,
        message: "no face".into(),
    }
}

async fn jobs_come_in_their_order(test: Test) {
    let first = test.insert("first").await;
    let mut urgent = test.new_job(request("urgent"));
    urgent.priority = 1;
    let urgent = test
        .queue
        .insert(&urgent, limit(100))
        .await
        .unwrap()
        .unwrap();
    let last = test.insert("last").await;
    assert_eq!(test.queue.depth().await.unwrap(), 3);
    for expected in [urgent, first, last] {
        let claim = test.claim(ClaimScope::Unsuspected).await.unwrap();
        assert_eq!(claim.job.id, expected.id);
        assert_eq!(
            (claim.job.state, claim.fence.attempt),
            (JobState::Running, 1)
        );
    }
    assert!(test.claim(ClaimScope::Any).await.is_none());
    assert_eq!(test.queue.depth().await.unwrap(), 0);
}

async fn a_row_returns_what_was_inserted(test: Test) {
    let mut new = test.new_job(request("exactly this"));
    new.face = FaceSource::Url(SafeUrl::from("http://faces.example/a.jpg?sig=1"));
    let id = test
        .queue
        .insert(&new, limit(100))
        .await
        .unwrap()
        .unwrap()
        .id;
    let job = test
        .queue
        .find(Some(test.keys[0]), id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.request, new.request);
    assert_eq!(
        job.face,
        FaceOrigin::Url(SafeUrl::from("http://faces.example/a.jpg?sig=1"))
    );
    assert_eq!(job.file_prefix, new.file_prefix);
    assert_eq!((job.state, job.attempt), (JobState::Queued, 0));
    assert_eq!(
        (job.base_url, job.created_at),
        (new.base_url, new.created_at)
    );
    assert_eq!(
        (job.outcome, job.failure, job.expires_at),
        (None, None, None)
    );
    assert!(
        test.queue
            .find(Some(test.keys[1]), id)
            .await
            .unwrap()
            .is_none()
    );
    let by_prefix = test.queue.find_by_prefix(&new.file_prefix).await.unwrap();
    assert_eq!(by_prefix.unwrap().id, id);
    assert!(test.queue.photo(id).await.unwrap().is_none());
}

async fn the_limit_counts_waiting_jobs(test: Test) {
    for accepted in [true, true, false] {
        let job = test.new_job(request("one of many"));
        assert_eq!(
            test.queue.insert(&job, limit(2)).await.unwrap().is_ok(),
            accepted
        );
    }
    assert_eq!(test.count.photos().await, 2, "a refused one leaves nothing");
    test.claimed().await;
    let job = test.new_job(request("one more"));
    assert!(test.queue.insert(&job, limit(2)).await.unwrap().is_ok());
}

async fn a_key_has_its_share_and_no_more(test: Test) {
    let limits = QueueLimits { queue: 3, share: 2 };
    let insert = async |key| {
        let job = NewJob {
            key,
            ..test.new_job(request("one of many"))
        };
        test.queue.insert(&job, limits).await.unwrap().err()
    };
    let [mine, other] = test.keys;
    assert_eq!(insert(mine).await, None);
    assert_eq!(insert(mine).await, None);
    assert_eq!(insert(mine).await, Some(QueueFull(2)), "its share");
    assert_eq!(insert(other).await, None);
    assert_eq!(insert(other).await, Some(QueueFull(3)), "of all together");
    test.claimed().await;
    test.claimed().await;
    assert_eq!(insert(mine).await, None, "what runs does not wait");
}

async fn a_late_writer_changes_nothing(test: Test) {
    let id = test.insert("contested").await.id;
    let late = test.claimed().await.fence;
    test.reclaim(died(Death::FromInside)).await;
    let current = test.claimed().await.fence;
    assert_eq!((current.id, current.attempt), (id, 2));
    let now = test.clock.now();
    assert!(!test.queue.heartbeat(late, now + LEASE).await.unwrap());
    assert!(!test.queue.release(late).await.unwrap());
    assert!(
        !test
            .queue
            .resolve_size(late, &request("other"))
            .await
            .unwrap()
    );
    assert!(!test.queue.warn(late, &["odd".into()]).await.unwrap());
    assert!(
        !test
            .queue
            .finish(late, &test.success(Duration::ZERO))
            .await
            .unwrap()
    );
    assert!(!test.queue.fail(late, &failure(), now).await.unwrap());
    assert_eq!(test.state(id).await, JobState::Running);
    assert!(
        test.queue
            .finish(current, &test.success(Duration::ZERO))
            .await
            .unwrap()
    );
    for fence in [late, current] {
        assert!(
            !test
                .queue
                .finish(fence, &test.success(Duration::ZERO))
                .await
                .unwrap()
        );
        assert!(!test.queue.fail(fence, &failure(), now).await.unwrap());
        assert!(!test.queue.release(fence).await.unwrap());
    }
    assert_eq!(test.state(id).await, JobState::Succeeded);
    assert_eq!(test.count.webhooks().await, 1);
}

async fn every_end_takes_the_photo_and_writes_the_webhook(test: Test) {
    let mut jobs = Vec::new();
    for prompt in [
        "succeeds",
        "fails",
        "is cancelled",
        "is cancelled while it runs",
    ] {
        jobs.push(test.insert(prompt).await);
    }
    assert_eq!(test.count.photos().await, 4);
    let photo = test.queue.photo(jobs[0].id).await.unwrap();
    assert_eq!(photo.unwrap().bytes(), b"photo");

    let success = test.claimed().await.fence;
    test.clock.advance(Duration::from_millis(1_500));
    assert!(
        test.queue
            .finish(success, &test.success(Duration::from_millis(1_500)))
            .await
            .unwrap()
    );
    let job = test.queue.find(None, success.id).await.unwrap().unwrap();
    assert_eq!(job.generation_time(), Some(Duration::from_millis(1_500)));
    assert_eq!(job.warnings, ["a warning"]);
    let outcome = job.outcome.unwrap();
    assert_eq!(outcome.images, [record()]);
    assert_eq!(outcome.engine.as_deref(), Some("cuda:1"));
    assert_eq!(
        job.expires_at,
        Some(test.clock.now() + Duration::from_hours(24))
    );
    let times = test.queue.latest_times(10).await.unwrap();
    assert_eq!(times, [(21 * 64 * 64, Duration::from_millis(1_500))]);

    let failed = test.claimed().await.fence;
    assert!(
        test.queue
            .fail(failed, &failure(), test.clock.now())
            .await
            .unwrap()
    );
    let job = test.queue.find(None, failed.id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.failure),
        (JobState::Failed, Some(failure()))
    );

    test.claimed().await;
    for job in &jobs[2..] {
        let now = test.clock.now();
        let (key, failure) = (test.keys[0], failure());
        let cancelled = test.queue.cancel(key, job.id, &failure, now).await;
        assert!(cancelled.unwrap());
        assert_eq!(test.state(job.id).await, JobState::Cancelled);
    }
    assert_eq!(test.count.photos().await, 0);
    assert_eq!(test.count.webhooks().await, 4);
}

async fn a_released_job_is_next_and_loses_nothing(test: Test) {
    let first = test.insert("first").await;
    test.insert("second").await;
    for attempt in 1..=5 {
        let claim = test.claimed().await;
        assert_eq!((claim.job.id, claim.fence.attempt), (first.id, attempt));
        assert_eq!(claim.crash_count, 0);
        assert!(test.queue.release(claim.fence).await.unwrap());
        assert_eq!(test.state(first.id).await, JobState::Queued);
    }
}

async fn jobs_with_inline_photos_may_overtake_others(test: Test) {
    let by_url = NewJob {
        face: FaceSource::Url(SafeUrl::from("http://faces.example/a.jpg")),
        ..test.new_job(request("by url"))
    };
    let by_url = test.queue.insert(&by_url, limit(100)).await;
    let by_url = by_url.unwrap().unwrap().id;
    assert!(test.claim(ClaimScope::UnsuspectedInline).await.is_none());
    let inline = test.insert("inline").await.id;
    let claim = test.claim(ClaimScope::UnsuspectedInline).await.unwrap();
    assert_eq!(claim.job.id, inline);
    assert_eq!(
        test.claim(ClaimScope::Unsuspected).await.unwrap().job.id,
        by_url
    );

    // But not a suspect, which must run alone.
    test.reclaim(died(Death::FromInside)).await;
    assert!(test.claim(ClaimScope::UnsuspectedInline).await.is_none());
}

async fn cancelling_is_for_the_owner_and_for_what_has_not_ended(test: Test) {
    let job = test.insert("mine").await;
    let neighbour = test.insert("my other one").await;
    let cancel = async |key| {
        let now = test.clock.now();
        test.queue
            .cancel(key, job.id, &failure(), now)
            .await
            .unwrap()
    };
    assert!(!cancel(test.keys[1]).await);
    assert_eq!(test.state(job.id).await, JobState::Queued);
    assert!(cancel(test.keys[0]).await);
    assert!(!cancel(test.keys[0]).await);
    assert_eq!(test.claimed().await.job.id, neighbour.id);
    assert_eq!(test.count.webhooks().await, 1);
}

async fn load_is_what_comes_before(test: Test) {
    let running = test.insert("running").await.id;
    test.claimed().await;
    let mut ids = Vec::new();
    for prompt in ["first", "second", "third"] {
        ids.push(test.insert(prompt).await.id);
    }
    let unit = 21 * 64 * 64;
    for (id, before) in ids.into_iter().zip(0..) {
        let load = test.queue.load_before(id).await.unwrap();
        assert_eq!(load.waiting, before * unit);
        assert_eq!(load.running, [(running, unit)]);
    }
    let load = test.queue.load_before(running).await.unwrap();
    assert_eq!(load.waiting, 0);
}

/// Inserts a long queue of one key, and then jobs of another.
async fn two_lines(test: &Test) -> Vec<JobId> {
    let mut ids = Vec::new();
    for (line, priority) in [(0, 0), (0, 0), (0, 0), (1, 0), (1, 0), (0, 1)] {
        let job = NewJob {
            key: test.keys[line],
            priority,
            ..test.new_job(request("in a line"))
        };
        let limits = limit(100);
        ids.push(test.queue.insert(&job, limits).await.unwrap().unwrap().id);
    }
    ids
}

async fn keys_take_turns(test: Test) {
    let ids = two_lines(&test).await;
    // The urgent one is the first key's turn, so the second is next.
    let expected = [5, 3, 0, 4, 1, 2].map(|index| ids[index]);
    let mut waiting = Vec::new();
    for id in expected {
        let load = test.queue.load_before(id).await.unwrap();
        waiting.push(load.waiting / (21 * 64 * 64));
    }
    // Until the urgent one is claimed, the first key counts as next.
    assert_eq!(waiting, [0, 2, 1, 4, 3, 5]);
    for (index, id) in expected.into_iter().enumerate() {
        if index > 0 {
            let load = test.queue.load_before(id).await.unwrap();
            assert_eq!(load.waiting, 0);
        }
        assert_eq!(test.claimed().await.job.id, id, "{index}");
    }
    assert!(test.claim(ClaimScope::Any).await.is_none());
}

async fn a_turn_without_a_result_is_restored(test: Test) {
    let ids = two_lines(&test).await;
    test.claimed().await;
    for _ in 0..3 {
        let claim = test.claimed().await;
        assert_eq!(claim.job.id, ids[3]);
        assert!(test.queue.release(claim.fence).await.unwrap());
    }
    assert_eq!(test.claimed().await.job.id, ids[3]);
    assert_eq!(test.claimed().await.job.id, ids[0]);
    test.reclaim(died(Death::FromInside)).await;
    // No key has had a turn, and the urgent job runs alone like the others.
    let order = [5, 3, 0].map(|index| ids[index]);
    for id in order {
        let claim = test.claimed().await;
        assert_eq!((claim.job.id, claim.crash_count), (id, 1));
    }
}

async fn the_time_of_a_job_is_that_from_its_beginning_in_the_engine(test: Test) {
    test.insert("first").await;
    test.insert("ahead").await;
    let fences = [test.claimed().await.fence, test.claimed().await.fence];
    for (fence, millis) in fences.into_iter().zip([1_000, 3_000]) {
        let time = Duration::from_millis(millis);
        test.clock.advance(time);
        let success = test.success(time);
        assert!(test.queue.finish(fence, &success).await.unwrap());
    }
    let times = test.queue.latest_times(10).await.unwrap();
    let times: Vec<u128> = times.iter().map(|(_, time)| time.as_millis()).collect();
    assert_eq!(times, [3_000, 1_000]);
    let ahead = test.queue.find(None, fences[1].id).await.unwrap().unwrap();
    assert_eq!(ahead.generation_time(), Some(Duration::from_secs(3)));
}

/// Checks that claims on several connections never return a job twice.
pub(crate) async fn no_job_is_claimed_twice(queues: [std::sync::Arc<dyn JobStore>; 2], key: KeyId) {
    let clock = ManualClock::new();
    let new = |index| NewJob {
        key,
        request: request(&format!("job {index}")),
        face: inline(),
        file_prefix: FilePrefix::parse(&Uuid::new_v4().to_string()).unwrap(),
        base_url: String::new(),
        priority: 0,
        preset: None,
        created_at: clock.now(),
    };
    for index in 0..200 {
        let inserted = queues[index % 2].insert(&new(index), limit(1_000)).await;
        inserted.unwrap().unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..16 {
        let (queue, now) = (std::sync::Arc::clone(&queues[index % 2]), clock.now());
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            while let Some(claim) = queue
                .claim(ClaimScope::Unsuspected, &worker(), now, now + LEASE)
                .await
                .unwrap()
            {
                claimed.push(claim.job.id);
                tokio::task::yield_now().await;
            }
            claimed
        });
    }
    let claimed = tasks.join_all().await.concat();
    assert_eq!(claimed.len(), 200);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 200);
}
