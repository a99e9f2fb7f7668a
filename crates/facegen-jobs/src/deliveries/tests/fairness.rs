//! Receivers that do not answer, and those of other keys.

use super::super::slots;
use super::*;
use crate::testing::with_receiver;

/// The most webhooks in flight of one key and to one receiver.
const BUSIEST_KEY: Count = Count::BusiestKey;
const BUSIEST_RECEIVER: Count = Count::BusiestReceiver;

async fn keys(service: &JobService, count: usize) -> Vec<KeyId> {
    let mut keys = Vec::new();
    for number in 0..count {
        let name = format!("key {number}");
        let created = service.keys().create(&name, KeyRole::Plain).await;
        keys.push(created.unwrap().0.id);
    }
    keys
}

/// Submits a job with a webhook to this receiver, and waits for its end.
async fn ended(service: &JobService, key: KeyId, receiver: &str) {
    let request = with_receiver(&format!("https://{receiver}/hook"), "a person");
    let job = service.submit(submission(key, request)).await.unwrap();
    service.cancel(key, job.id).await.unwrap();
}

async fn next(store: &Rows, line: &DeliveryFilter, harness: &Harness) -> Option<Delivery> {
    let now = harness.clock.now();
    let deliveries = store.stores().deliveries;
    let worker = worker();
    let claimed = deliveries.claim(line, &worker, now, now + LEASE);
    claimed.await.unwrap()
}

#[tokio::test]
async fn fifty_keys_with_silent_receivers_delay_no_other_key() {
    let harness = Harness::new();
    let (service, other, running, store) = begin(&harness).await;
    for (number, key) in keys(&service, 50).await.into_iter().enumerate() {
        for _ in 0..5 {
            ended(&service, key, &format!("silent-{number}.example")).await;
        }
    }
    until(&store, RUNNING, 100).await;
    assert_eq!(count(&store, QUEUED).await, 150);
    assert_eq!(count(&store, BUSIEST_KEY).await, 2);
    for delivered in 1..=20 {
        ended(&service, other, "receiver.example").await;
        until(&store, DELIVERED, delivered).await;
        assert_eq!(count(&store, RUNNING).await, 100);
    }
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_silent_receiver_of_fifty_keys_has_two_slots() {
    let harness = Harness::new();
    let (service, other, running, store) = begin(&harness).await;
    for key in keys(&service, 50).await {
        ended(&service, key, "silent.example").await;
    }
    until(&store, RUNNING, 2).await;
    ended(&service, other, "receiver.example").await;
    until(&store, DELIVERED, 1).await;
    assert_eq!(count(&store, RUNNING).await, 2);
    assert_eq!(count(&store, BUSIEST_RECEIVER).await, 2);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn slow_receivers_delay_no_generation() {
    let harness = Harness::new();
    let (service, key, running, store) = begin(&harness).await;
    for index in 0..20 {
        let request = with_receiver("https://silent.example/hook", &format!("job {index}"));
        let job = service.submit(submission(key, request)).await.unwrap();
        assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    }
    until(&store, RUNNING, 2).await;
    assert_eq!(count(&store, QUEUED).await, 18);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn keys_alternate_and_first_attempts_come_first() {
    let harness = Harness::new();
    let service = harness.open().await;
    let store = harness.store().await;
    let [busy, quiet] = keys(&service, 2).await.try_into().unwrap();
    for _ in 0..3 {
        ended(&service, busy, "a.example").await;
    }
    harness.clock.advance(Duration::from_secs(1));
    ended(&service, quiet, "b.example").await;
    let mut turns = Vec::new();
    while let Some(delivery) = next(&store, &webhooks(true), &harness).await {
        turns.push(delivery.key);
        let now = harness.clock.now();
        store
            .stores()
            .deliveries
            .postpone(&delivery, "busy", now)
            .await
            .unwrap();
    }
    assert_eq!(turns, [busy, quiet, busy, busy]);
    // All four were tried, so none is a first attempt any more.
    let mut again = 0;
    while let Some(delivery) = next(&store, &webhooks(false), &harness).await {
        assert_eq!(delivery.attempt_since_asked, 2);
        again += 1;
    }
    assert_eq!(again, 4);
}

#[tokio::test]
async fn the_receivers_of_a_key_are_notified_in_the_order_of_its_jobs() {
    let harness = Harness::new();
    let service = harness.open().await;
    let store = harness.store().await;
    let [key, other] = keys(&service, 2).await.try_into().unwrap();
    let receivers = [
        "m.example",
        "z.example",
        "a.example",
        "m.example",
        "a.example",
    ];
    for receiver in receivers {
        ended(&service, key, receiver).await;
        harness.clock.advance(Duration::from_secs(1));
    }
    ended(&service, other, "b.example").await;
    let mut reported = Vec::new();
    while let Some(delivery) = next(&store, &webhooks(true), &harness).await {
        if delivery.key == key {
            reported.push(delivery.receiver);
        }
    }
    assert_eq!(reported, receivers);
}

#[tokio::test]
async fn a_filter_leaves_out_keys_and_receivers() {
    let harness = Harness::new();
    let service = harness.open().await;
    let store = harness.store().await;
    let [first, second] = keys(&service, 2).await.try_into().unwrap();
    for receiver in ["a.example", "A.EXAMPLE:443", "b.example:8080"] {
        ended(&service, first, receiver).await;
    }
    ended(&service, second, "b.example:8080").await;
    let line = DeliveryFilter {
        without_receivers: vec!["b.example:8080".to_owned()],
        ..webhooks(true)
    };
    for _ in 0..2 {
        let claimed = next(&store, &line, &harness).await.unwrap();
        assert_eq!(
            (claimed.key, claimed.receiver.as_str()),
            (first, "a.example")
        );
    }
    assert_eq!(next(&store, &line, &harness).await, None);
    let line = DeliveryFilter {
        without_keys: vec![first.get()],
        ..webhooks(true)
    };
    assert_eq!(next(&store, &line, &harness).await.unwrap().key, second);
    assert_eq!(next(&store, &line, &harness).await, None);
}

#[tokio::test]
async fn a_sender_in_flight_is_not_taken_for_dead_when_the_clock_jumps() {
    let harness = Harness::new();
    let (service, key, running, store) = begin(&harness).await;
    ended(&service, key, "silent.example").await;
    until(&store, RUNNING, 1).await;
    harness.clock.advance(Duration::from_hours(2));
    ended(&service, key, "receiver.example").await;
    service.wake_deliveries();
    until(&store, DELIVERED, 1).await;
    assert_eq!(count(&store, RUNNING).await, 1);
    assert_eq!(harness.receiver.messages(2).await.len(), 2);
    running.shutdown(Duration::ZERO).await;
}

#[test]
fn half_of_the_slots_are_more_than_fifty_silent_keys_take() {
    assert!(slots::all(DeliveryKind::Webhook) > 50 * slots::EACH);
}
