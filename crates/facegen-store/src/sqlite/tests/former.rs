//! The database that a former version left when it was killed.

use facegen_core::JobState;
use facegen_core::job::JobId;
use facegen_core::key::KeyId;
use facegen_core::store::{ClaimScope, DeadWorkers, Death, DeliveryFilter, DeliveryKind, WorkerId};
use tempfile::TempDir;

use super::*;

/// Made by `make_database.py` next to it.
const FORMER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/assets/version_11.sqlite"
);

async fn former() -> (Stores, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("jobs.sqlite");
    std::fs::copy(FORMER, &database).unwrap();
    let store = SqliteStore::open_exclusive(&database).await.unwrap();
    (store.into_stores(), directory)
}

#[tokio::test]
async fn its_jobs_are_unchanged_and_continue() {
    let (stores, _directory) = former().await;
    let key = stores.keys.list().await.unwrap()[0].id;
    let jobs = stores.jobs.page(key, None, 9).await.unwrap();
    let states: Vec<_> = jobs
        .iter()
        .rev()
        .map(|job| (job.id.get(), job.state))
        .collect();
    let expected = [
        (1, JobState::Succeeded),
        (2, JobState::Succeeded),
        (3, JobState::Failed),
        (5, JobState::Running),
        (6, JobState::Running),
        (7, JobState::Cancelled),
        (8, JobState::Queued),
    ];
    assert_eq!(states, expected);
    let erased = stores
        .jobs
        .find(Some(key), JobId::new(2).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(erased.request.spec.prompt(), "erased");
    assert!(erased.erased_at.is_some());

    let nameless = WorkerId::new("");
    let workers = stores.jobs.workers().await.unwrap();
    assert_eq!(workers, std::slice::from_ref(&nameless));
    let dead = DeadWorkers::Worker {
        id: nameless,
        death: Death::Unknown,
    };
    let now = Timestamp::from_millis(0);
    let reclaimed = stores.jobs.reclaim(&dead, 3, now).await.unwrap();
    assert_eq!(reclaimed.requeued, [5, 6].map(|id| JobId::new(id).unwrap()));
    let worker = WorkerId::new("a worker");
    let claim = stores.jobs.claim(ClaimScope::Any, &worker, now, now).await;
    let claim = claim.unwrap().unwrap();
    assert_eq!(
        (claim.job.id.get(), claim.fence.attempt, claim.crash_count),
        (5, 2, 1)
    );
    assert!(stores.jobs.photo(claim.job.id).await.unwrap().is_some());
}

#[tokio::test]
async fn its_deliveries_and_uploads_continue() {
    let (stores, _directory) = former().await;
    let key: KeyId = stores.keys.list().await.unwrap()[0].id;
    let filter = DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first: false,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    };
    let worker = WorkerId::new("a worker");
    let late = Timestamp::from_millis(i64::MAX / 2);
    let claim = stores.deliveries.claim(&filter, &worker, late, late);
    let delivery = claim.await.unwrap().unwrap();
    assert_eq!(
        (delivery.attempt, delivery.receiver.as_str()),
        (2, "127.0.0.1:8081")
    );
    let kept = stores.deliveries.keep_body(&delivery, "{}").await.unwrap();
    assert_eq!(kept.as_deref(), Some("{}"));
    assert_eq!(stores.deliveries.list(key, None, 9).await.unwrap().len(), 2);
    assert_eq!(stores.uploads.expired(late, 0).await.unwrap().len(), 1);
}
