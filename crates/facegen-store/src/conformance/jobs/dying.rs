//! Tests of crash counts.

use super::*;

impl Test {
    /// Inserts a job and claims it for the engine.
    async fn in_engine(&self, prompt: &str) -> JobId {
        self.insert(prompt).await;
        let claim = self.claim(ClaimScope::Unsuspected).await.unwrap();
        assert!(self.queue.enter(claim.fence).await.unwrap());
        claim.job.id
    }

    /// Claims all queued jobs and returns their crash counts.
    async fn deaths(&self) -> Vec<(JobId, u32)> {
        let mut deaths = Vec::new();
        while let Some(claim) = self.claim(ClaimScope::Any).await {
            deaths.push((claim.job.id, claim.crash_count));
        }
        deaths.sort_by_key(|(id, _)| *id);
        deaths
    }
}

pub(crate) async fn a_death_counts_against_what_the_engine_had(test: Test) {
    for death in [Death::FromInside, Death::Unknown] {
        let held = test.in_engine("held").await;
        let ahead = test.insert("ahead").await.id;
        test.claimed().await;
        let waiting = test.insert("waiting").await.id;
        test.reclaim(died(death)).await;
        let deaths = test.deaths().await;
        assert_eq!(deaths, [(held, 1), (ahead, 0), (waiting, 0)], "{death:?}");
        let why = why();
        for (id, _) in deaths {
            let cancelled = test.queue.cancel(test.keys[0], id, &why, test.clock.now());
            assert!(cancelled.await.unwrap());
        }
    }
}

pub(crate) async fn a_death_from_inside_counts_against_all_when_the_engine_had_nothing(test: Test) {
    let ids = [test.insert("a").await.id, test.insert("b").await.id];
    for expected in [0, 1] {
        assert_eq!(test.deaths().await, ids.map(|id| (id, expected)));
        test.reclaim(died(Death::FromInside)).await;
    }
    // A death of unknown cause does not count then.
    test.deaths().await;
    test.reclaim(died(Death::Unknown)).await;
    assert_eq!(test.deaths().await, ids.map(|id| (id, 2)));
}

pub(crate) async fn a_death_of_unknown_cause_counts_half(test: Test) {
    let id = test.in_engine("killed").await;
    for deaths in 1..=6 {
        let Reclaimed { requeued, failed } = test.reclaim(died(Death::Unknown)).await;
        let is_last = deaths == 6;
        assert_eq!(
            (requeued.len(), failed.len()),
            (usize::from(!is_last), usize::from(is_last))
        );
        if !is_last {
            let claim = test.claimed().await;
            assert_eq!(claim.crash_count, deaths);
            assert!(test.queue.enter(claim.fence).await.unwrap());
        }
    }
    let failure = test.queue.find(None, id).await.unwrap().unwrap().failure;
    let message = failure.unwrap().message;
    assert_eq!(message, "the work on this request broke down 6 times");
    // Two deaths from inside and two of unknown cause.
    let id = test.in_engine("mixed").await;
    for (death, is_last) in [
        (Death::FromInside, false),
        (Death::Unknown, false),
        (Death::FromInside, false),
        (Death::Unknown, true),
    ] {
        let failed = test.reclaim(died(death)).await.failed;
        assert_eq!(failed, if is_last { vec![id] } else { vec![] });
        if !is_last {
            let fence = test.claimed().await.fence;
            assert!(test.queue.enter(fence).await.unwrap());
        }
    }
}

pub(crate) async fn an_expired_lease_is_not_a_crash(test: Test) {
    let id = test.in_engine("slow").await;
    for _ in 0..10 {
        test.clock.advance(LEASE + Duration::from_millis(1));
        let reclaimed = test.reclaim(DeadWorkers::Expired).await;
        assert_eq!((reclaimed.requeued, reclaimed.failed), (vec![id], vec![]));
        let claim = test.claimed().await;
        assert_eq!(claim.crash_count, 0);
        assert!(test.queue.enter(claim.fence).await.unwrap());
    }
    // A released job is no longer in the engine.
    let claim = test.queue.find(None, id).await.unwrap().unwrap();
    let attempt = claim.attempt;
    assert!(test.queue.release(Fence { id, attempt }).await.unwrap());
    test.claimed().await;
    test.reclaim(died(Death::Unknown)).await;
    assert_eq!(test.claimed().await.crash_count, 0);
}

pub(crate) async fn an_engine_that_is_lost_counts_against_what_it_had(test: Test) {
    let id = test.in_engine("poison").await;
    let fence = |attempt| Fence { id, attempt };
    assert!(!test.queue.break_down(fence(2), 3).await.unwrap());
    for attempt in 1..=2 {
        assert!(test.queue.break_down(fence(attempt), 3).await.unwrap());
        let claim = test.claim(ClaimScope::Any).await.unwrap();
        assert_eq!(
            (claim.crash_count, claim.fence),
            (attempt, fence(attempt + 1))
        );
    }
    let too_often = test.queue.break_down(fence(3), 3).await.unwrap();
    assert!(!too_often);
    let job = test.queue.find(None, id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Running);
}

fn why() -> Failure {
    Failure {
        code: ErrorCode::Cancelled,
        message: "as the test wants it".into(),
    }
}

pub(super) async fn leases_run_out_and_heartbeats_keep_them(test: Test) {
    let kept = test.insert("kept").await.id;
    let lost = test.insert("lost").await.id;
    let kept_fence = test.claimed().await.fence;
    test.claimed().await;
    test.clock.advance(LEASE);
    assert_eq!(
        test.reclaim(DeadWorkers::Expired).await,
        Reclaimed::default()
    );
    let lease_until = test.clock.now() + LEASE;
    assert!(test.queue.heartbeat(kept_fence, lease_until).await.unwrap());
    test.clock.advance(Duration::from_millis(1));
    let reclaimed = test.reclaim(DeadWorkers::Expired).await;
    assert_eq!((reclaimed.requeued, reclaimed.failed), (vec![lost], vec![]));
    assert_eq!(test.state(kept).await, JobState::Running);
}

pub(super) async fn a_job_fails_when_its_workers_died_three_times(test: Test) {
    let id = test.insert("poison").await.id;
    for attempt in 1..=3 {
        let claim = test.claimed().await;
        assert_eq!(
            (claim.fence.attempt, claim.crash_count),
            (attempt, attempt - 1)
        );
        let Reclaimed { requeued, failed } = test.reclaim(died(Death::FromInside)).await;
        assert_eq!(requeued.len() + failed.len(), 1);
        assert_eq!(failed.len(), usize::from(attempt == 3));
    }
    let job = test.queue.find(None, id).await.unwrap().unwrap();
    let failure = job.failure.unwrap();
    assert_eq!(
        (job.state, failure.code),
        (JobState::Failed, ErrorCode::Internal)
    );
    assert_eq!(
        failure.message,
        "the work on this request broke down 3 times"
    );
    assert_eq!(test.count.photos().await, 0);
    assert_eq!(test.count.webhooks().await, 1);
}

pub(super) async fn a_job_that_killed_a_worker_runs_alone_and_in_its_turn(test: Test) {
    let suspect = test.insert("suspect").await.id;
    test.claimed().await;
    test.reclaim(died(Death::FromInside)).await;
    test.insert("behind it").await;
    let busy = test.claim(ClaimScope::Unsuspected).await;
    assert!(
        busy.is_none(),
        "nothing overtakes it, or it might wait forever"
    );
    let claim = test.claim(ClaimScope::Any).await.unwrap();
    assert_eq!((claim.job.id, claim.crash_count), (suspect, 1));
    assert!(test.claim(ClaimScope::Unsuspected).await.is_some());
}
