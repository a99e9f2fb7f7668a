//! The tests of every [`Housekeeping`](facegen_core::store::Housekeeping).

use std::time::Duration;

use facegen_core::Timestamp;
use facegen_core::fake::requests::{inline, with_webhook};
use facegen_core::job::{JobId, Outcome, Stages};
use facegen_core::key::KeyId;
use facegen_core::store::{ClaimScope, ImageLocation, QueueLimits, Stores, Success, WorkerId};

use super::{Fresh, START, key, new_job};

const HOUR: Duration = Duration::from_hours(1);

pub(super) async fn all<T>(fresh: impl AsyncFn() -> Fresh<T>) {
    images_expire_and_rows_go_later(&fresh().await.stores).await;
    what_is_kept_longest_is_known(&fresh().await.stores).await;
}

/// Adds a job that has succeeded with images until `expires_at`.
async fn succeeded(stores: &Stores, key: KeyId, expires_at: Timestamp) -> JobId {
    let limits = QueueLimits { queue: 9, share: 0 };
    let new = new_job(key, with_webhook("a person"), inline());
    stores.jobs.insert(&new, limits).await.unwrap().unwrap();
    let worker = WorkerId::new("a worker");
    let claim = stores
        .jobs
        .claim(ClaimScope::Any, &worker, START, START + HOUR);
    let claim = claim.await.unwrap().unwrap();
    let success = Success {
        now: START,
        location: ImageLocation::Directory {
            expires_at,
            upload: false,
        },
        warnings: Vec::new(),
        outcome: Outcome {
            generation_time: HOUR,
            stages: Stages::default(),
            images: Vec::new(),
            engine: None,
        },
    };
    assert!(stores.jobs.finish(claim.fence, &success).await.unwrap());
    claim.job.id
}

async fn images_expire_and_rows_go_later(stores: &Stores) {
    let housekeeping = &stores.housekeeping;
    let key = key(stores, "one").await.id;
    let first = succeeded(stores, key, START + HOUR).await;
    let second = succeeded(stores, key, START + HOUR).await;
    let waiting = new_job(key, with_webhook("waits"), inline());
    let limits = QueueLimits { queue: 9, share: 0 };
    let waiting = stores.jobs.insert(&waiting, limits).await.unwrap().unwrap();

    assert!(housekeeping.expired(START, 0).await.unwrap().is_empty());
    let expired = housekeeping.expired(START + HOUR, 0).await.unwrap();
    let ids: Vec<_> = expired.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [first, second].map(|id| i64::from(id.get())));
    let after = housekeeping.expired(START + HOUR, ids[0]).await.unwrap();
    assert_eq!(after.len(), 1);

    let deleted_at = START + 2 * HOUR;
    housekeeping
        .images_deleted(first, deleted_at)
        .await
        .unwrap();
    assert_eq!(housekeeping.expired(deleted_at, 0).await.unwrap().len(), 1);
    let early = housekeeping.delete_rows(START, START).await.unwrap();
    assert_eq!(early, 0);
    let rows = housekeeping
        .delete_rows(deleted_at, deleted_at)
        .await
        .unwrap();
    assert_eq!(rows, 1, "the one whose images are deleted");
    assert!(stores.jobs.find(None, first).await.unwrap().is_none());
    assert!(stores.jobs.find(None, second).await.unwrap().is_some());
    assert!(stores.jobs.find(None, waiting.id).await.unwrap().is_some());
    let deliveries = stores.deliveries.list(key, None, 9).await.unwrap();
    let jobs: Vec<_> = deliveries.iter().map(|delivery| delivery.job).collect();
    assert_eq!(jobs, [second], "deliveries go with their jobs");
    assert!(housekeeping.compact().await.unwrap());
}

async fn what_is_kept_longest_is_known(stores: &Stores) {
    let housekeeping = &stores.housekeeping;
    assert_eq!(housekeeping.oldest_kept(START).await.unwrap(), None);
    let key = key(stores, "one").await.id;
    succeeded(stores, key, START + HOUR).await;
    assert_eq!(housekeeping.oldest_kept(START).await.unwrap(), Some(START));
    assert_eq!(housekeeping.oldest_kept(START + HOUR).await.unwrap(), None);
}
