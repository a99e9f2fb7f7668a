//! The tests of job stores. Each calls [`all`] in its tests.

pub(crate) mod clearing;
mod dying;
mod ends;
mod fitting;
pub(crate) mod interleavings;
mod order;

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
    order::jobs_come_in_their_order(new().await).await;
    a_row_returns_what_was_inserted(new().await).await;
    the_limit_counts_waiting_jobs(new().await).await;
    a_key_has_its_share_and_no_more(new().await).await;
    ends::a_late_writer_changes_nothing(new().await).await;
    fitting::a_job_is_fitted_to_its_photo(new().await).await;
    ends::every_end_takes_the_photo_and_writes_the_webhook(new().await).await;
    ends::a_released_job_is_next_and_loses_nothing(new().await).await;
    dying::leases_run_out_and_heartbeats_keep_them(new().await).await;
    dying::a_job_fails_when_its_workers_died_three_times(new().await).await;
    dying::a_job_that_killed_a_worker_runs_alone_and_in_its_turn(new().await).await;
    dying::a_death_counts_against_what_the_engine_had(new().await).await;
    dying::a_death_from_inside_counts_against_all_when_the_engine_had_nothing(new().await).await;
    dying::a_death_of_unknown_cause_counts_half(new().await).await;
    dying::an_expired_lease_is_not_a_crash(new().await).await;
    dying::an_engine_that_is_lost_counts_against_what_it_had(new().await).await;
    order::jobs_with_inline_photos_may_overtake_others(new().await).await;
    ends::cancelling_is_for_the_owner_and_for_what_has_not_ended(new().await).await;
    clearing::clearing_ends_what_waits_and_nothing_else(new().await).await;
    clearing::clearing_for_a_key_leaves_the_others_alone(new().await).await;
    clearing::the_whole_load_is_what_waits_and_what_runs(new().await).await;
    order::load_is_what_comes_before(new().await).await;
    order::keys_take_turns(new().await).await;
    order::a_turn_without_a_result_is_restored(new().await).await;
    ends::the_time_of_a_job_is_that_from_its_beginning_in_the_engine(new().await).await;
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
