//! The service, with and without an engine behind it.

mod control;
mod erasing;
mod once;
mod uploads;
mod watching;

use std::collections::BTreeSet;

use async_trait::async_trait;
use facegen_core::fake::paint;
use facegen_core::job::Failure;
use facegen_core::key::KeyRole;
use facegen_core::redact::FaceImage;
use facegen_core::{
    Clock, ErrorCode, FileKind, GenerationInput, JobState, ObjectName, RawGenerationRequest,
    StorageError, Timestamp,
};
use facegen_store::SqliteStore;
use facegen_store::sqlite::testing::{Count, Rows};

use super::*;
use crate::testing::{
    Harness, count, end_of, first_file, inline, new_key, parse, raw, request, submission,
};

const DAY: Duration = Duration::from_hours(24);

async fn submit(service: &JobService, key: KeyId, prompt: &str) -> Job {
    let submission = submission(key, request(prompt));
    service.submit(submission).await.unwrap()
}

fn queued(store: &Rows) -> impl Future<Output = i64> {
    count(store, Count::JobsIn("queued"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_from_submit_to_its_files() {
    let harness = Harness::new();
    let (service, key, running) = harness.begin().await;

    let wanted = parse(RawGenerationRequest {
        samples: 2_i64.into(),
        base64: true.into(),
        ..raw("a person")
    });
    let job = service
        .submit(submission(key, wanted.clone()))
        .await
        .unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Queued, 0));
    let job = end_of(&service, job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    assert_eq!(job.request, wanted);
    assert_eq!(job.expires_at, Some(harness.clock.now() + DAY));

    let face = harness
        .ports()
        .faces
        .decode(&FaceImage::from(b"photo".to_vec()));
    let expected = paint(&GenerationInput {
        spec: wanted.spec,
        face: face.unwrap().image,
    });
    let mut name = first_file(&job);
    for (image, index) in expected.unwrap().images.iter().zip(0..) {
        (name.index, name.kind) = (index, FileKind::Png);
        let png = service.read(&name).await.unwrap();
        assert_eq!(png.as_deref(), Some(image.pixels.pixels()));
        name.kind = FileKind::Base64;
        let text = service.read(&name).await.unwrap().unwrap();
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.decode(text);
        assert_eq!(text.unwrap(), image.pixels.pixels());
    }
    name.index = 2;
    assert_eq!(service.read(&name).await.unwrap(), None, "there are two");
    assert_eq!(harness.images.len(), 4);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn files_are_there_only_as_asked_for_and_until_they_expire() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let job = submit(&service, key, "a person").await;
    let mut name = first_file(&job);
    assert_eq!(service.read(&name).await.unwrap(), None, "it waits");
    running.attach(harness.engine());
    let job = end_of(&service, job.id).await;
    assert!(service.read(&name).await.unwrap().is_some());
    name.kind = FileKind::Base64;
    assert_eq!(
        service.read(&name).await.unwrap(),
        None,
        "the request did not ask for it"
    );
    name.kind = FileKind::Png;
    harness.clock.advance(DAY - Duration::from_millis(1));
    assert!(service.read(&name).await.unwrap().is_some());
    assert!(!job.has_expired(harness.clock.now()));
    harness.clock.advance(Duration::from_millis(1));
    assert!(job.has_expired(harness.clock.now()));
    assert_eq!(service.read(&name).await.unwrap(), None);
    let found = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(found.expires_at, Some(harness.clock.now()));
}

#[tokio::test]
async fn an_unreadable_photo_makes_no_job() {
    let harness = Harness::new();
    let service = harness.open().await;
    let mut submission = submission(new_key(&service).await, request("a person"));
    submission.face = FaceSource::Inline(FaceImage::from(b"broken".to_vec()));
    let error = service.submit(submission).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidFaceImage);
    assert_eq!(error.to_string(), "face_image is truncated or damaged");
    let store = harness.store().await;
    assert_eq!(count(&store, Count::Jobs).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_of_the_queue_is_exact() {
    let mut harness = Harness::new();
    harness.queue_limit = 10;
    let service = harness.open().await;
    let key = new_key(&service).await;
    let mut submits = tokio::task::JoinSet::new();
    for index in 0..64 {
        let service = service.clone();
        let submission = submission(key, request(&format!("prompt {index}")));
        submits.spawn(async move { service.submit(submission).await });
    }
    let (accepted, refused): (Vec<_>, Vec<_>) = submits
        .join_all()
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!((accepted.len(), refused.len()), (10, 54));
    for error in refused {
        let second = Duration::from_secs(1);
        let error = error.unwrap_err();
        assert!(
            matches!(error, JobError::QueueFull { limit: 10, retry_after } if retry_after >= second),
            "{error:?}"
        );
    }
    let ids: BTreeSet<u32> = accepted
        .into_iter()
        .map(|job| job.unwrap().id.get())
        .collect();
    assert_eq!(ids.len(), 10);
    let store = harness.store().await;
    assert_eq!(queued(&store).await, 10);
    assert_eq!(count(&store, Count::Photos).await, 10);
}

#[tokio::test]
async fn no_job_is_accepted_while_draining() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    assert!(service.is_accepting());
    service.drain();
    assert!(!service.is_accepting());
    let error = service.submit(submission(key, request("late"))).await;
    assert!(matches!(error, Err(JobError::Draining)));
}

#[tokio::test]
async fn another_key_sees_and_stops_nothing() {
    let harness = Harness::new();
    let service = harness.open().await;
    let owner = new_key(&service).await;
    let (other, _) = service
        .keys()
        .create("other", KeyRole::Plain)
        .await
        .unwrap();
    let job = submit(&service, owner, "mine").await;
    assert!(service.find(other.id, job.id).await.unwrap().is_none());
    assert!(service.cancel(other.id, job.id).await.unwrap().is_none());
    let found = service.find(owner, job.id).await.unwrap().unwrap();
    assert_eq!(found.state, JobState::Queued);
    let cancelled = service.cancel(owner, job.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    let failure = cancelled.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::Cancelled);
    assert_eq!(failure.message, "the request was cancelled");
    let again = service.cancel(owner, job.id).await.unwrap().unwrap();
    assert_eq!(again.state, JobState::Cancelled, "as it was");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_an_error_and_recovers() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = submit(&service, key, "before").await;
    harness.store().await.set_read_only(true).await;
    let error = service
        .submit(submission(key, request("refused")))
        .await
        .unwrap_err();
    assert!(matches!(error, JobError::Store(_)), "{error:?}");
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(service.cancel(key, job.id).await.is_err());
    assert!(service.find(key, job.id).await.unwrap().is_some());
    harness.store().await.set_read_only(false).await;
    submit(&service, key, "after").await;

    service.close().await;
    let error = service.find(key, job.id).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    let error = service
        .submit(submission(key, request("refused")))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let harness = Harness::new();
    let service = harness.open().await;
    let error = SqliteStore::open_exclusive(&harness.database()).await;
    assert!(matches!(error, Err(StoreError::InUse(path)) if path == harness.database()));
    drop(service);
    harness.open().await;
}

#[tokio::test]
async fn ids_stay_within_31_bits() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    submit(&service, key, "first").await;
    harness.store().await.use_up_numbers().await;
    let last = submit(&service, key, "last").await;
    assert_eq!(last.id.get(), JobId::MAX);
    let error = service
        .submit(submission(key, request("beyond")))
        .await
        .unwrap_err();
    assert!(matches!(error, JobError::Store(_)));
    let store = harness.store().await;
    assert_eq!(queued(&store).await, 2);
    assert_eq!(count(&store, Count::Photos).await, 2);
}

#[tokio::test]
async fn numbers_come_back_bit_for_bit() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    for (guidance, s_scale) in [
        (7.3, 0.1),
        (0.1 + 0.2, 1.0 / 3.0),
        (19.999_999_999_999_996, 1e-300),
    ] {
        let wanted = parse(RawGenerationRequest {
            guidance_scale: guidance.into(),
            s_scale: s_scale.into(),
            ..raw("a person")
        });
        let submission = submission(key, wanted.clone());
        let job = service.submit(submission).await.unwrap();
        let found = service.find(key, job.id).await.unwrap().unwrap();
        assert_eq!(found.request, wanted);
    }
}

#[tokio::test]
async fn the_photo_cache_drops_photos_of_cancelled_jobs() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    for _ in 0..10 {
        let job = submit(&service, key, "short-lived").await;
        service.cancel(key, job.id).await.unwrap();
    }
    let job = submit(&service, key, "next").await;
    assert!(
        service
            .context
            .storage
            .photo_cache
            .take(&job.file_prefix)
            .is_some()
    );
    let mut by_url = submission(key, request("by url"));
    by_url.face = FaceSource::Url("http://faces.example/a.jpg".into());
    assert_ne!(by_url.face, inline());
    let job = service.submit(by_url).await.unwrap();
    assert!(
        service
            .context
            .storage
            .photo_cache
            .take(&job.file_prefix)
            .is_none()
    );
}
