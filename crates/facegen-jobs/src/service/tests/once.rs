//! Requests that are sent again with one idempotency key.

use facegen_core::idempotency::Idempotency;

use super::*;

/// Returns the request for this prompt, with an idempotency key.
fn once(key: KeyId, prompt: &str) -> Submission {
    let submission = submission(key, request(prompt));
    let name = Idempotency::new(
        "a name",
        "make_gen",
        &submission.request,
        true,
        &submission.face,
    );
    Submission {
        idempotency: Some(name),
        ..submission
    }
}

#[tokio::test]
async fn an_idempotency_key_is_kept_over_a_restart_and_for_a_day() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let first = service.submit(once(key, "a person")).await.unwrap();
    service.close().await;
    drop(service);

    let service = harness.open().await;
    let again = service.submit(once(key, "a person")).await.unwrap();
    assert_eq!(again.id, first.id);
    let other = service.submit(once(key, "somebody else")).await;
    assert!(matches!(other, Err(JobError::IdempotencyKeyTaken)));

    harness.clock.advance(Duration::from_hours(24));
    let next_day = service.submit(once(key, "somebody else")).await.unwrap();
    assert_ne!(next_day.id, first.id);
}
