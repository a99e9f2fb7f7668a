//! The tests of every [`DeliveryStore`](facegen_core::store::DeliveryStore).

use std::time::Duration;

use facegen_core::fake::requests::{inline, with_receiver, with_webhook};
use facegen_core::job::{Failure, JobId};
use facegen_core::key::KeyId;
use facegen_core::store::{
    Delivery, DeliveryFilter, DeliveryKind, DeliveryStore, QueueLimits, Stores, WorkerId,
};
use facegen_core::{ErrorCode, Timestamp};

use super::{Fresh, START, key, new_job};

const HOUR: Duration = Duration::from_hours(1);

pub(super) async fn all<T>(fresh: impl AsyncFn() -> Fresh<T>) {
    the_end_of_a_job_adds_its_webhook(&fresh().await.stores).await;
    keys_are_served_in_turns(&fresh().await.stores).await;
    a_late_sender_changes_nothing(&fresh().await.stores).await;
    claims_come_back_by_worker_or_lease(&fresh().await.stores).await;
    every_attempt_sends_the_same_body(&fresh().await.stores).await;
    what_has_ended_can_be_replayed(&fresh().await.stores).await;
}

fn worker() -> WorkerId {
    WorkerId::new("a worker")
}

fn webhooks(first: bool) -> DeliveryFilter {
    DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    }
}

/// Adds a job with a webhook and cancels it at that moment.
async fn cancelled(stores: &Stores, key: KeyId, receiver: &str, now: Timestamp) -> JobId {
    let new = new_job(key, with_receiver(receiver, "a person"), inline());
    let limits = QueueLimits {
        queue: 99,
        share: 0,
    };
    let job = stores.jobs.insert(&new, limits).await.unwrap().unwrap();
    let failure = Failure {
        code: ErrorCode::Cancelled,
        message: "as the test wants it".into(),
    };
    assert!(
        stores
            .jobs
            .cancel(key, job.id, &failure, now)
            .await
            .unwrap()
    );
    job.id
}

async fn claim(store: &dyn DeliveryStore, first: bool, now: Timestamp) -> Option<Delivery> {
    let (filter, worker) = (webhooks(first), worker());
    let claimed = store.claim(&filter, &worker, now, now + HOUR);
    claimed.await.unwrap()
}

async fn the_end_of_a_job_adds_its_webhook(stores: &Stores) {
    let key = key(stores, "one").await.id;
    let new = new_job(key, with_webhook("a person"), inline());
    let limits = QueueLimits {
        queue: 99,
        share: 0,
    };
    stores.jobs.insert(&new, limits).await.unwrap().unwrap();
    let store = &*stores.deliveries;
    assert_eq!(claim(store, true, START).await, None, "it has not ended");
    let job = cancelled(stores, key, "https://hooks.example/a?b", START).await;
    let early = START - Duration::from_millis(1);
    assert_eq!(claim(store, true, early).await, None, "it is not due");
    let delivery = claim(store, true, START).await.unwrap();
    assert_eq!((delivery.job, delivery.key), (job, key));
    assert_eq!(delivery.receiver, "hooks.example");
    assert_eq!((delivery.attempt, delivery.attempt_since_asked), (1, 1));
    assert_eq!(claim(store, true, START).await, None, "it is claimed");
    store.finish(&delivery, None, START).await.unwrap();
    let record = store.find(key, &delivery.name).await.unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.attempts), ("delivered", 1));
    assert_eq!(record.finished_at, Some(START));
}

async fn keys_are_served_in_turns(stores: &Stores) {
    let (one, other) = (key(stores, "one").await.id, key(stores, "other").await.id);
    for number in 0..3 {
        cancelled(stores, one, &format!("https://{number}.example"), START).await;
    }
    cancelled(stores, other, "https://other.example", START).await;
    let store = &*stores.deliveries;
    let mut keys = Vec::new();
    while let Some(delivery) = claim(store, true, START).await {
        keys.push(delivery.key);
    }
    assert_eq!(keys, [one, other, one, one]);

    cancelled(stores, one, "https://busy.example", START).await;
    cancelled(stores, one, "https://free.example", START).await;
    let mut filter = webhooks(true);
    filter.without_receivers.push("busy.example".into());
    let claimed = store.claim(&filter, &worker(), START, START + HOUR).await;
    assert_eq!(claimed.unwrap().unwrap().receiver, "free.example");
    filter.without_receivers.clear();
    filter.without_keys.push(one.get());
    let claimed = store.claim(&filter, &worker(), START, START + HOUR).await;
    assert_eq!(claimed.unwrap(), None);
}

async fn a_late_sender_changes_nothing(stores: &Stores) {
    let key = key(stores, "one").await.id;
    cancelled(stores, key, "https://a.example", START).await;
    let store = &*stores.deliveries;
    let late = claim(store, true, START).await.unwrap();
    store.release(&late).await.unwrap();
    let current = claim(store, true, START).await.unwrap();
    assert_eq!(current.attempt, 1, "what was not tried does not count");
    store.postpone(&current, "503", START + HOUR).await.unwrap();
    assert_eq!(claim(store, true, START + HOUR).await, None, "it was tried");
    let again = claim(store, false, START + HOUR).await.unwrap();
    assert_eq!(again.attempt, 2);
    store.finish(&late, None, START).await.unwrap();
    store.release(&current).await.unwrap();
    store.postpone(&current, "late", START).await.unwrap();
    let record = store.find(key, &again.name).await.unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.attempts), ("running", 2));
    store.finish(&again, Some("410"), START).await.unwrap();
    let record = store.find(key, &again.name).await.unwrap().unwrap();
    assert_eq!(record.state, "dead");
    assert_eq!(record.last_error.as_deref(), Some("410"));
}

async fn claims_come_back_by_worker_or_lease(stores: &Stores) {
    let key = key(stores, "one").await.id;
    for number in 0..2 {
        cancelled(stores, key, &format!("https://{number}.example"), START).await;
    }
    let store = &*stores.deliveries;
    let lost = claim(store, true, START).await.unwrap();
    let other = WorkerId::new("another worker");
    let filter = webhooks(true);
    let claimed = store.claim(&filter, &other, START, START + 9 * HOUR);
    let kept = claimed.await.unwrap().unwrap();
    assert_eq!(store.workers().await.unwrap(), [worker(), other.clone()]);
    store.reclaim_worker(&worker()).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), [other]);
    let again = claim(store, false, START).await.unwrap();
    assert_eq!((again.id, again.attempt), (lost.id, 2));

    let kind = DeliveryKind::Webhook;
    let late = START + 2 * HOUR;
    store
        .reclaim_expired(kind, &[again.id], late)
        .await
        .unwrap();
    assert_eq!(store.workers().await.unwrap().len(), 2, "it is in flight");
    store.reclaim_expired(kind, &[], late).await.unwrap();
    let again = claim(store, false, late).await.unwrap();
    assert_eq!((again.id, again.attempt), (lost.id, 3));
    let record = store.find(key, &kept.name).await.unwrap().unwrap();
    assert_eq!(record.state, "running", "its lease holds");
}

async fn every_attempt_sends_the_same_body(stores: &Stores) {
    let key = key(stores, "one").await.id;
    let job = cancelled(stores, key, "https://a.example", START).await;
    let store = &*stores.deliveries;
    let first = claim(store, true, START).await.unwrap();
    let kept = store.keep_body(&first, "as it was").await.unwrap();
    assert_eq!(kept.as_deref(), Some("as it was"));
    store.postpone(&first, "503", START).await.unwrap();
    let second = claim(store, false, START).await.unwrap();
    let kept = store.keep_body(&second, "as it is").await.unwrap();
    assert_eq!(kept.as_deref(), Some("as it was"));
    let late = store.keep_body(&first, "too late").await.unwrap();
    assert_eq!(late, None);

    assert!(stores.jobs.erase(key, job, START).await.unwrap());
    let kept = store.keep_body(&second, "of an erased job").await.unwrap();
    assert_eq!(kept.as_deref(), Some("of an erased job"));
}

async fn what_has_ended_can_be_replayed(stores: &Stores) {
    let (one, other) = (key(stores, "one").await.id, key(stores, "other").await.id);
    cancelled(stores, one, "https://a.example", START).await;
    cancelled(stores, one, "https://b.example", START).await;
    let store = &*stores.deliveries;
    let delivery = claim(store, true, START).await.unwrap();
    let name = &delivery.name;
    assert!(
        !store.replay(one, name, START).await.unwrap(),
        "it is running"
    );
    store.finish(&delivery, Some("410"), START).await.unwrap();
    assert!(
        !store.replay(other, name, START).await.unwrap(),
        "it is another key's"
    );
    assert_eq!(store.find(other, name).await.unwrap(), None);
    assert!(store.replay(one, name, START).await.unwrap());
    let record = store.find(one, name).await.unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.attempts), ("queued", 1));
    assert_eq!((record.last_error, record.finished_at), (None, None));

    let list = store.list(one, None, 9).await.unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0].number > list[1].number, "the latest first");
    let before = u32::try_from(list[0].number).unwrap();
    assert_eq!(store.list(one, Some(before), 9).await.unwrap(), list[1..]);
    assert_eq!(store.list(one, None, 1).await.unwrap(), list[..1]);
    assert!(store.list(other, None, 9).await.unwrap().is_empty());
    let again = claim(store, true, START).await.unwrap();
    assert_eq!(again.attempt_since_asked, 1);
}
