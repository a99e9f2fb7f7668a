//! What is left of a job that was erased.

use facegen_core::idempotency::Idempotency;

use super::*;
use crate::testing::TIMEOUT;

/// Values that only the request of these tests holds.
const MARKS: [&str; 7] = [
    "a person in a garden",
    "no hats of that kind",
    "order-of-a-person",
    "4021994421",
    "http://host-of-the-caller:8080",
    "hooks.example/reported?token=7b1f9c",
    "faces.example/of-a-person.jpg",
];

fn marked(key: KeyId) -> Submission {
    let request = RawGenerationRequest {
        negative_prompt: MARKS[1].into(),
        track_id: MARKS[2].into(),
        seed: MARKS[3].into(),
        webhook: format!("https://{}", MARKS[5]).as_str().into(),
        ..raw(MARKS[0])
    };
    let request = parse(request);
    let face = FaceSource::Url(format!("https://{}", MARKS[6]).into());
    let idempotency = Idempotency::new("a name", "make_gen", &request, true, &face);
    Submission {
        key,
        request,
        face,
        base_url: MARKS[4].to_owned(),
        idempotency: Some(idempotency),
    }
}

/// Returns which of the marks are in the files of the database.
async fn marks_left(harness: &Harness, store: &Rows) -> Vec<&'static str> {
    // Another connection may be reading from it.
    while !store.stores().housekeeping.compact().await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bytes = std::fs::read(harness.database()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    MARKS
        .into_iter()
        .filter(|mark| text.contains(mark))
        .collect()
}

async fn reported(store: &Rows) {
    let ended = Count::DeliveriesIn("delivered");
    let poll = async {
        while count(store, ended).await != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, poll).await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_request_that_was_erased_is_in_the_database() {
    let harness = Harness::new();
    let service = harness.open().await;
    let store = harness.store().await;
    let key = new_key(&service).await;
    let job = service.submit(marked(key)).await.unwrap();
    assert_eq!(marks_left(&harness, &store).await, MARKS);
    let erased = service.erase(key, job.id).await.unwrap().unwrap();
    assert_eq!(erased.job.state, JobState::Cancelled);
    // The receiver is still to be notified.
    assert_eq!(marks_left(&harness, &store).await, [MARKS[5]]);
    let running = service.start();
    reported(&store).await;
    assert_eq!(marks_left(&harness, &store).await, [""; 0]);
    let message = harness.receiver.messages(1).await.remove(0);
    assert!(message.url.expose().ends_with(MARKS[5]));
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_delivered_webhook_is_erased_at_once_and_not_sent_again() {
    let harness = Harness::new();
    let service = harness.open().await;
    let store = harness.store().await;
    let key = new_key(&service).await;
    let job = service.submit(marked(key)).await.unwrap();
    service.cancel(key, job.id).await.unwrap();
    let running = service.start();
    reported(&store).await;
    service.erase(key, job.id).await.unwrap().unwrap();
    assert_eq!(marks_left(&harness, &store).await, [""; 0]);
    let delivery = service.deliveries(key, None, 1).await.unwrap().remove(0);
    service.replay(key, &delivery.name).await.unwrap();
    let dead = Count::DeliveriesFailedWith("the job has no webhook");
    let poll = async {
        while count(&store, dead).await != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, poll).await.unwrap();
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_request_that_is_sent_again_does_not_bring_an_erased_job_back() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = service.submit(marked(key)).await.unwrap();
    service.erase(key, job.id).await.unwrap().unwrap();
    let again = service.submit(marked(key)).await.unwrap();
    assert_eq!(again.id, job.id);
    assert!(again.erased_at.is_some());
}
