//! Tests of clearing the queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;

impl Test {
    async fn insert_for(&self, key: KeyId, prompt: &str) -> JobId {
        let job = NewJob {
            key,
            ..self.new_job(with_webhook(prompt))
        };
        self.queue
            .insert(&job, limit(100))
            .await
            .unwrap()
            .unwrap()
            .id
    }

    async fn clear(&self, key: Option<KeyId>) -> Vec<Job> {
        let now = self.clock.now();
        self.queue.clear(key, &failure(), now).await.unwrap()
    }
}

pub(super) async fn clearing_ends_what_waits_and_nothing_else(test: Test) {
    let [mine, other] = test.keys;
    let done = test.insert_for(mine, "done").await;
    let fence = test.claimed().await.fence;
    let success = test.success(Duration::ZERO);
    assert!(test.queue.finish(fence, &success).await.unwrap());
    let running = test.insert_for(mine, "runs").await;
    test.claimed().await;
    let waiting = [
        test.insert_for(mine, "waits").await,
        test.insert_for(other, "waits for another").await,
    ];

    let cleared = test.clear(None).await;
    let ids: BTreeSet<JobId> = cleared.iter().map(|job| job.id).collect();
    assert_eq!(ids, BTreeSet::from(waiting));
    for job in cleared {
        assert_eq!(job.state, JobState::Cancelled);
        assert_eq!(job.failure, Some(failure()));
        let found = test.queue.find(None, job.id).await.unwrap().unwrap();
        assert_eq!(found.state, JobState::Cancelled);
    }
    assert_eq!(test.state(done).await, JobState::Succeeded);
    assert_eq!(test.state(running).await, JobState::Running);
    assert_eq!(test.queue.depth().await.unwrap(), 0);
    assert_eq!(test.count.photos().await, 1, "that of the running one");
    assert_eq!(test.count.webhooks().await, 3);
    assert!(test.clear(None).await.is_empty(), "it is empty already");
}

pub(super) async fn clearing_for_a_key_leaves_the_others_alone(test: Test) {
    let [mine, other] = test.keys;
    let own = test.insert_for(mine, "mine").await;
    let foreign = test.insert_for(other, "of another").await;
    let cleared = test.clear(Some(mine)).await;
    assert_eq!(cleared.iter().map(|job| job.id).collect::<Vec<_>>(), [own]);
    assert_eq!(test.state(foreign).await, JobState::Queued);
    assert_eq!(test.claimed().await.job.id, foreign);
}

pub(super) async fn the_whole_load_is_what_waits_and_what_runs(test: Test) {
    assert_eq!(test.queue.load().await.unwrap(), Load::default());
    let running = test.insert("running").await.id;
    test.claimed().await;
    test.insert("first").await;
    test.insert("second").await;
    let unit = 21 * 64 * 64;
    let load = test.queue.load().await.unwrap();
    assert_eq!(load.waiting, 2 * unit);
    assert_eq!(load.running, [(running, unit)]);
}

/// Checks that concurrent claims and clears take each job only once.
pub(crate) async fn each_job_is_claimed_or_cleared(queues: [Arc<dyn JobStore>; 2], key: KeyId) {
    let clock = ManualClock::new();
    for index in 0..100 {
        let inserted = queues[index % 2]
            .insert(&new_job(key, &clock), limit(1_000))
            .await;
        inserted.unwrap().unwrap();
    }
    let now = clock.now();
    let claiming = async {
        let mut claimed = Vec::new();
        // At most half of them, so that some are left to clear.
        while claimed.len() < 50 {
            let claim = queues[0]
                .claim(ClaimScope::Unsuspected, &worker(), now, now + LEASE)
                .await;
            let Some(claim) = claim.unwrap() else { break };
            claimed.push(claim.job.id);
        }
        claimed
    };
    let clearing = async {
        // In the middle of the claims.
        while queues[1].depth().await.unwrap() > 80 {
            tokio::task::yield_now().await;
        }
        queues[1].clear(None, &failure(), now).await.unwrap()
    };
    let (claimed, cleared) = tokio::join!(claiming, clearing);
    assert!(!claimed.is_empty() && !cleared.is_empty());
    assert_eq!(claimed.len() + cleared.len(), 100);
    for id in claimed {
        let job = queues[0].find(None, id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Running);
    }
}

fn new_job(key: KeyId, clock: &ManualClock) -> NewJob {
    NewJob {
        key,
        request: request("a person"),
        face: inline(),
        file_prefix: FilePrefix::parse(&Uuid::new_v4().to_string()).unwrap(),
        base_url: String::new(),
        priority: 0,
        preset: None,
        created_at: clock.now(),
    }
}
