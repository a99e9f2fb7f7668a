//! Tests that states only move forward, for any interleaving of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

const KEEP: Duration = Duration::from_hours(24);

/// The next event; the number chooses the job or the worker.
#[derive(Debug, Clone, Copy)]
enum Event {
    Insert,
    Claim(ClaimScope),
    Heartbeat(usize),
    Release(usize),
    Finish(usize),
    Fail(usize),
    Cancel(usize),
    Clear,
    Erase(usize),
    Expire,
    TimePasses,
    LeasesRunOut,
    ProcessDies,
}

fn event() -> impl Strategy<Value = Event> {
    let index = 0..8_usize;
    let scope = prop_oneof![
        Just(ClaimScope::Any),
        Just(ClaimScope::Unsuspected),
        Just(ClaimScope::UnsuspectedInline)
    ];
    prop_oneof![
        4 => Just(Event::Insert),
        6 => scope.prop_map(Event::Claim),
        2 => index.clone().prop_map(Event::Heartbeat),
        1 => index.clone().prop_map(Event::Release),
        3 => index.clone().prop_map(Event::Finish),
        1 => index.clone().prop_map(Event::Fail),
        1 => Just(Event::Clear),
        2 => index.clone().prop_map(Event::Cancel),
        1 => index.prop_map(Event::Erase),
        1 => Just(Event::Expire),
        2 => Just(Event::TimePasses),
        2 => Just(Event::LeasesRunOut),
        1 => Just(Event::ProcessDies),
    ]
}

/// A queue, and its last observed states.
struct Watched {
    empty: Empty,
    clock: ManualClock,
    seen: BTreeMap<JobId, (JobState, u32)>,
    /// Every attempt that ever began, including those that have ended.
    fences: Vec<Fence>,
    /// The job that this event cancelled.
    cancelled: Option<JobId>,
    erased: BTreeSet<JobId>,
}

impl Watched {
    async fn happen(&mut self, event: Event) {
        let (queue, now) = (&self.empty.queue, self.clock.now());
        let fence = |index: usize| self.fences.iter().rev().nth(index).copied();
        self.cancelled = None;
        match event {
            Event::Insert => {
                let job = queue
                    .insert(&self.new_job(), limit(100))
                    .await
                    .unwrap()
                    .unwrap();
                self.seen.insert(job.id, (job.state, 0));
            }
            Event::Claim(scope) => {
                let claim = queue
                    .claim(scope, &worker(), now, now + LEASE)
                    .await
                    .unwrap();
                self.fences.extend(claim.map(|claim| claim.fence));
            }
            Event::Heartbeat(index) => {
                if let Some(fence) = fence(index) {
                    queue.heartbeat(fence, now + LEASE).await.unwrap();
                }
            }
            Event::Release(index) => {
                if let Some(fence) = fence(index) {
                    queue.release(fence).await.unwrap();
                }
            }
            Event::Finish(index) => {
                if let Some(fence) = fence(index) {
                    self.finish(fence).await;
                }
            }
            Event::Fail(index) => {
                if let Some(fence) = fence(index) {
                    queue.fail(fence, &failure(), now).await.unwrap();
                }
            }
            Event::Cancel(index) => self.cancel(index).await,
            Event::Clear => {
                queue.clear(None, &failure(), now).await.unwrap();
            }
            Event::Erase(index) => self.erase(index).await,
            // The images of everything that has succeeded so far.
            Event::Expire => self.clock.advance(KEEP),
            Event::TimePasses => self.clock.advance(LEASE / 3),
            Event::LeasesRunOut => {
                queue.reclaim(&DeadWorkers::Expired, 3, now).await.unwrap();
            }
            Event::ProcessDies => {
                queue
                    .reclaim(&died(Death::FromInside), 3, now)
                    .await
                    .unwrap();
            }
        }
    }

    async fn cancel(&mut self, index: usize) {
        let Some(id) = self.seen.keys().rev().nth(index).copied() else {
            return;
        };
        let (key, now) = (self.empty.keys[0], self.clock.now());
        let cancelled = self.empty.queue.cancel(key, id, &failure(), now).await;
        let done = cancelled.unwrap();
        assert_eq!(done, !self.seen[&id].0.is_final());
        self.cancelled = done.then_some(id);
    }

    async fn erase(&mut self, index: usize) {
        let Some(id) = self.seen.keys().rev().nth(index).copied() else {
            return;
        };
        let ([key, other], now) = (self.empty.keys, self.clock.now());
        let queue = &self.empty.queue;
        assert!(!queue.erase(other, id, now).await.unwrap());
        let done = queue.erase(key, id, now).await.unwrap();
        assert_eq!(done, self.seen[&id].0.is_final());
        self.erased.extend(done.then_some(id));
    }

    async fn finish(&self, fence: Fence) {
        let now = self.clock.now();
        let success = Success {
            now,
            location: ImageLocation::Directory {
                expires_at: now + KEEP,
                upload: false,
            },
            warnings: Vec::new(),
            outcome: Outcome {
                generation_time: Duration::ZERO,
                stages: Stages::default(),
                images: Vec::new(),
                engine: None,
            },
        };
        let (before, _) = self.seen[&fence.id];
        let done = self.empty.queue.finish(fence, &success).await.unwrap();
        assert!(!done || before == JobState::Running);
    }

    fn new_job(&self) -> NewJob {
        NewJob {
            key: self.empty.keys[0],
            request: with_webhook("a person"),
            face: inline(),
            file_prefix: FilePrefix::parse(&Uuid::new_v4().to_string()).unwrap(),
            base_url: String::new(),
            priority: 0,
            preset: None,
            created_at: self.clock.now(),
        }
    }

    /// Compares every job with its last observed state.
    async fn check(&mut self, event: Event) {
        for (id, seen) in &mut self.seen {
            let job = self.empty.queue.find(None, *id).await.unwrap().unwrap();
            let (state, attempt) = *seen;
            let back = (state, job.state) == (JobState::Running, JobState::Queued);
            let requeues = matches!(
                event,
                Event::Release(_) | Event::LeasesRunOut | Event::ProcessDies
            );
            assert!(
                job.state == state || state.advance(job.state).is_ok() || (back && requeues),
                "{event:?}: {state} became {}",
                job.state
            );
            let claimed = u32::from(state == JobState::Queued && job.state == JobState::Running);
            assert_eq!(job.attempt, attempt + claimed, "{event:?}");
            let photo = self.empty.queue.photo(*id).await.unwrap();
            assert_eq!(photo.is_some(), !job.state.is_final(), "{event:?}");
            let ended_now = state != job.state && job.state == JobState::Cancelled;
            let cleared = matches!(event, Event::Clear) && state == JobState::Queued;
            let asked_to_end = cleared || self.cancelled == Some(*id);
            assert_eq!(ended_now, asked_to_end, "{event:?}");
            assert_eq!(
                job.erased_at.is_some(),
                self.erased.contains(id),
                "{event:?}"
            );
            let kept = if job.erased_at.is_some() {
                "erased"
            } else {
                "a person"
            };
            assert_eq!(job.request.spec.prompt(), kept, "{event:?}");
            *seen = (job.state, job.attempt);
        }
        let ended = self.seen.values().filter(|(state, _)| state.is_final());
        let webhooks = self.empty.count.webhooks().await;
        assert_eq!(webhooks, i64::try_from(ended.count()).unwrap());
    }
}

fn failure() -> Failure {
    Failure {
        code: ErrorCode::GenerationFailed,
        message: String::new(),
    }
}

/// So many; more when `PROPTEST_CASES` says so.
fn cases(few: u32) -> u32 {
    let default = ProptestConfig::default().cases;
    let unset = ProptestConfig::with_cases(256).cases;
    if default == unset { few } else { default }
}

/// Tries so many histories, each on a queue of its own.
pub(crate) fn states_only_move_forward(few: u32, empty: impl AsyncFn() -> Empty) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases(few))
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&vec(event(), 1..30), |events| {
        runtime.block_on(async {
            let mut watched = Watched {
                empty: empty().await,
                clock: ManualClock::new(),
                seen: BTreeMap::new(),
                fences: Vec::new(),
                cancelled: None,
                erased: BTreeSet::new(),
            };
            for event in events {
                watched.happen(event).await;
                watched.check(event).await;
            }
        });
        Ok(())
    });
    result.unwrap();
}
