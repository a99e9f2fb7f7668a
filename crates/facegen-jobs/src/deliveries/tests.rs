//! Webhooks: what is sent, how often, and what survives a restart.

mod fairness;

use facegen_core::fake::FakeControl;
use facegen_core::job::Job;
use facegen_core::key::{KeyId, KeyRole};
use facegen_core::store::{DeliveryFilter, WorkerId};
use facegen_core::{Clock, JobState};
use facegen_store::sqlite::testing::{Count, Rows};

use super::*;
use crate::running::Running;
use crate::service::{JobService, Replay};
use crate::testing::{
    Harness, RECEIVER, TIMEOUT, count, end_of, new_key, request, submission, with_webhook,
};

const DEAD: Count = Count::DeliveriesIn("dead");
const DELIVERED: Count = Count::DeliveriesIn("delivered");
const RUNNING: Count = Count::DeliveriesIn("running");
const QUEUED: Count = Count::DeliveriesIn("queued");

fn retry(after: Option<Duration>) -> WebhookOutcome {
    WebhookOutcome::Retry {
        after,
        reason: "the receiver answered 503".into(),
    }
}

async fn begin(harness: &Harness) -> (JobService, KeyId, Running, Rows) {
    let (service, key, running) = harness.begin().await;
    (service, key, running, harness.store().await)
}

async fn submit(service: &JobService, key: KeyId, prompt: &str) -> Job {
    let submission = submission(key, with_webhook(prompt));
    service.submit(submission).await.unwrap()
}

/// Returns the worker of these tests.
fn worker() -> WorkerId {
    WorkerId::new("another worker")
}

fn webhooks(first: bool) -> DeliveryFilter {
    DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    }
}

async fn until(store: &Rows, sql: Count, wanted: i64) {
    let poll = async {
        while count(store, sql).await != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, poll)
        .await
        .unwrap_or_else(|_| panic!("{sql:?}"));
}

#[tokio::test]
async fn every_end_is_delivered_once() {
    let harness = Harness::with_control(FakeControl::with_faults(|request| {
        let no_face = facegen_core::fake::Fault::Refused(facegen_core::BackendError::NoFace);
        (request.prompt() == "fails").then_some(no_face)
    }));
    let service = harness.open().await;
    let key = new_key(&service).await;
    let cancelled = submit(&service, key, "is cancelled").await;
    service.cancel(key, cancelled.id).await.unwrap();
    let running = service.start();
    running.attach(harness.engine());
    let failed = submit(&service, key, "fails").await;
    let succeeded = submit(&service, key, "succeeds").await;
    let silent = service
        .submit(submission(key, request("silent")))
        .await
        .unwrap();
    for job in [&failed, &succeeded, &silent] {
        end_of(&service, job.id).await;
    }
    let messages = harness.receiver.messages(3).await;
    let mut bodies: Vec<&str> = messages
        .iter()
        .map(|message| message.body.as_str())
        .collect();
    bodies.sort_unstable();
    let body = |job: &Job, state: JobState| format!("{{\"id\":{},\"state\":\"{state}\"}}", job.id);
    assert_eq!(
        bodies,
        [
            body(&cancelled, JobState::Cancelled),
            body(&failed, JobState::Failed),
            body(&succeeded, JobState::Succeeded),
        ]
    );
    let mut ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(
        messages
            .iter()
            .all(|message| message.url.expose() == RECEIVER)
    );
    until(&harness.store().await, DELIVERED, 3).await;
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn a_webhook_is_tried_eight_times_with_the_same_id() {
    let harness = Harness::new();
    harness.receiver.answer((0..8).map(|_| retry(None)));
    let (service, key, running, store) = begin(&harness).await;
    submit(&service, key, "a person").await;
    for attempt in 1..=8 {
        let messages = harness.receiver.messages(attempt).await;
        assert_eq!(messages.len(), attempt);
        assert!(messages.iter().all(|message| message.id == messages[0].id));
        if attempt < 8 {
            until(&store, QUEUED, 1).await;
            let run_at = count(&store, Count::DueAt).await;
            let pause = run_at - harness.clock.now().as_millis();
            let pause = Duration::from_millis(u64::try_from(pause).unwrap());
            assert!(schedule_allows(attempt, pause), "{attempt}: {pause:?}");
            harness.clock.advance(pause - Duration::from_millis(1));
            let now = harness.clock.now();
            for first in [true, false] {
                let line = webhooks(first);
                let early = store
                    .stores()
                    .deliveries
                    .claim(&line, &worker(), now, now + LEASE)
                    .await;
                assert_eq!(early.unwrap(), None, "not before its time");
            }
            harness.clock.advance(Duration::from_millis(1));
            service.wake_deliveries();
        }
    }
    until(&store, DEAD, 1).await;
    let error = Count::DeliveriesFailedWith("the receiver answered 503");
    assert_eq!(count(&store, error).await, 1);
    running.shutdown(TIMEOUT).await;
}

fn schedule_allows(attempt: usize, pause: Duration) -> bool {
    let planned = [5, 30, 120, 600, 3_600, 10_800, 28_800][attempt - 1];
    let planned = Duration::from_secs(planned);
    pause >= planned.mul_f64(0.79) && pause <= planned.mul_f64(1.21)
}

#[tokio::test]
async fn a_receiver_may_ask_for_time_or_refuse() {
    let harness = Harness::new();
    let asked = Duration::from_hours(2);
    let refused = WebhookOutcome::Refused {
        reason: "the receiver is gone".into(),
    };
    harness.receiver.answer([retry(Some(asked)), refused]);
    let (service, key, running, store) = begin(&harness).await;
    submit(&service, key, "a person").await;
    harness.receiver.messages(1).await;
    until(&store, QUEUED, 1).await;
    let run_at = count(&store, Count::DueAt).await;
    assert_eq!(run_at, (harness.clock.now() + asked).as_millis());
    harness.clock.advance(asked);
    service.wake_deliveries();
    harness.receiver.messages(2).await;
    until(&store, DEAD, 1).await;
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn webhooks_in_flight_survive_a_shutdown_and_a_crash() {
    let harness = Harness::new();
    harness.receiver.hold(true);
    let (service, key, running, store) = begin(&harness).await;
    submit(&service, key, "a person").await;
    harness.receiver.messages(1).await;
    running.shutdown(Duration::ZERO).await;
    assert_eq!(count(&store, QUEUED).await, 1);
    assert_eq!(count(&store, Count::DeliveryAttempt).await, 0);
    drop(service);

    // A process that dies leaves it running.
    store.lose_deliveries(1, 9_999_999_999_999).await;
    harness.receiver.hold(false);
    let (service, _, running, _) = begin(&harness).await;
    let messages = harness.receiver.messages(2).await;
    assert_eq!(messages[0].id, messages[1].id);
    until(&store, DELIVERED, 1).await;
    running.shutdown(TIMEOUT).await;
    drop(service);
}

#[tokio::test]
async fn a_sender_that_never_returns_counts_as_dead() {
    let harness = Harness::new();
    let (service, key, running, store) = begin(&harness).await;
    let job = submit(&service, key, "a person").await;
    end_of(&service, job.id).await;
    until(&store, DELIVERED, 1).await;
    running.shutdown(TIMEOUT).await;
    for (attempt, end) in [(1, DELIVERED), (8, DEAD)] {
        store.lose_deliveries(attempt, 0).await;
        let (stop_claiming, hand_back) = (CancellationToken::new(), CancellationToken::new());
        let deliveries = Deliveries::new(
            Arc::clone(&service.delivery),
            DeliveryKind::Webhook,
            stop_claiming.clone(),
            hand_back,
        );
        let running = tokio::spawn(deliveries.run());
        until(&store, end, 1).await;
        stop_claiming.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_replay_is_not_changed_by_senders_of_the_former_attempt() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = submit(&service, key, "a person").await;
    service.cancel(key, job.id).await.unwrap();
    let store = harness.store().await;
    let deliveries = store.stores().deliveries;
    let claim = async || {
        let now = harness.clock.now();
        let reclaim = deliveries.reclaim_expired(DeliveryKind::Webhook, &[], now);
        reclaim.await.unwrap();
        for first in [true, false] {
            let line = webhooks(first);
            let claimed = deliveries.claim(&line, &worker(), now, now + LEASE).await;
            if let Some(claimed) = claimed.unwrap() {
                return claimed;
            }
        }
        panic!("no delivery was claimed");
    };
    let replay = async |name: &str| service.replay(key, name).await.unwrap();
    let lost = claim().await;
    assert_eq!(replay(&lost.name).await, Replay::Busy);
    harness.clock.advance(LEASE + Duration::from_secs(1));
    let sender = claim().await;
    let now = harness.clock.now();
    deliveries.finish(&sender, None, now).await.unwrap();

    assert!(matches!(replay(&lost.name).await, Replay::Queued(_)));
    assert_eq!(replay(&lost.name).await, Replay::Busy);
    let again = claim().await;
    assert_eq!((again.attempt, again.attempt_since_asked), (3, 1));
    for former in [&lost, &sender] {
        deliveries.finish(former, None, now).await.unwrap();
        deliveries.postpone(former, "late", now).await.unwrap();
        deliveries.release(former).await.unwrap();
        assert_eq!(count(&store, RUNNING).await, 1);
    }
    deliveries.finish(&again, None, now).await.unwrap();
    assert_eq!(count(&store, DELIVERED).await, 1);
}
