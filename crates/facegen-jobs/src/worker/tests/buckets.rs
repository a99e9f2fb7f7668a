//! Where images are stored when there is a bucket, whether it works or not.

use facegen_core::key::KeyRole;
use facegen_core::{Clock, ImageStore, RawGenerationRequest};
use facegen_store::sqlite::testing::{Count, Rows};
use tokio::time::{sleep, timeout};

use super::*;
use crate::ports::JobsConfig;
use crate::running::Running;
use crate::testing::bucket::{FakeBucket, Mood};
use crate::testing::{TIMEOUT, parse, raw};

const QUEUED: Count = Count::BucketUploadsIn("queued");
const DELIVERED: Count = Count::BucketUploadsIn("delivered");
const DEAD: Count = Count::BucketUploadsIn("dead");

async fn begin(harness: &Harness, bucket: &FakeBucket) -> (JobService, KeyId, Running, Rows) {
    let service = bucket.open(harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    (service, key, running, harness.store().await)
}

async fn made(service: &JobService, key: KeyId, prompt: &str) -> Job {
    let job = submit(service, key, prompt).await;
    end_of(service, job.id).await
}

async fn until(store: &Rows, sql: Count, wanted: i64) {
    let poll = async {
        while count(store, sql).await != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, poll)
        .await
        .unwrap_or_else(|_| panic!("{sql:?}"));
}

#[tokio::test]
async fn images_in_a_bucket_are_stored_only_there_and_stay() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Works);
    let (service, key, running, store) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(job.link_base.as_deref(), Some(FakeBucket::LINK_BASE));
    assert_eq!(job.expires_at, None);
    assert_eq!((bucket.objects.len(), harness.images.len()), (1, 0));
    // A link that was given out before the end leads there as well.
    let file = service.read(&first_file(&job)).await.unwrap();
    assert!(file.is_some());
    let deliveries = Count::Deliveries;
    assert_eq!(count(&store, deliveries).await, 0);
    harness.clock.advance(Duration::from_hours(25));
    assert_eq!(service.read(&first_file(&job)).await.unwrap(), file);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn images_for_a_bucket_that_fails_are_uploaded_later() {
    for mood in [Mood::Fails, Mood::Hangs, Mood::FailsLater] {
        let harness = Harness::new();
        let bucket = FakeBucket::new(&harness, mood);
        let (service, key, running, store) = begin(&harness, &bucket).await;
        let request = parse(RawGenerationRequest {
            base64: true.into(),
            ..raw("a person")
        });
        let job = service.submit(submission(key, request)).await.unwrap();
        let job = end_of(&service, job.id).await;
        assert_eq!((job.state, &job.link_base), (JobState::Succeeded, &None));
        assert!(job.expires_at.is_some());
        let file = service.read(&first_file(&job)).await.unwrap();
        assert!(file.is_some(), "{mood:?}");
        until(&store, QUEUED, 1).await;

        bucket.set(Mood::Works);
        harness.clock.advance(Duration::from_secs(5));
        service.wake_deliveries();
        until(&store, DELIVERED, 1).await;
        let job = service.find(key, job.id).await.unwrap().unwrap();
        assert_eq!(job.link_base.as_deref(), Some(FakeBucket::LINK_BASE));
        assert_eq!((bucket.objects.len(), harness.images.len()), (2, 2));
        let objects: Vec<_> = job.objects().collect();
        let there = bucket.objects.get(&objects[0]).await.unwrap();
        assert_eq!(there, file, "the same bytes");
        running.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_bucket_that_failed_delays_no_further_job_until_it_works() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Hangs);
    let (service, key, running, store) = begin(&harness, &bucket).await;
    made(&service, key, "first").await;
    assert_eq!(*bucket.asked.borrow(), 1);
    let second = made(&service, key, "second").await;
    assert_eq!(second.link_base, None);
    assert_eq!(*bucket.asked.borrow(), 1, "it is skipped");

    // The first upload closes the circuit.
    bucket.set(Mood::Works);
    harness.clock.advance(Duration::from_secs(5));
    service.wake_deliveries();
    until(&store, DELIVERED, 2).await;
    let third = made(&service, key, "third").await;
    assert!(third.link_base.is_some());

    // Without an upload, the circuit closes after a minute.
    bucket.set(Mood::Fails);
    made(&service, key, "fourth").await;
    assert_eq!(made(&service, key, "fifth").await.link_base, None);
    bucket.set(Mood::Works);
    let hour = Duration::from_hours(1);
    store.postpone_deliveries(harness.clock.now() + hour).await;
    harness.clock.advance(Duration::from_secs(61));
    assert!(made(&service, key, "sixth").await.link_base.is_some());
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn an_upload_is_tried_until_the_images_expire() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Fails);
    let (service, key, running, store) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    let mut asked = bucket.asked.subscribe();
    for attempt in 1..=12 {
        let run_at = count(&store, Count::DueAt).await;
        let pause = run_at - harness.clock.now().as_millis();
        harness
            .clock
            .advance(Duration::from_millis(u64::try_from(pause).unwrap()));
        service.wake_deliveries();
        let tried = timeout(TIMEOUT, asked.wait_for(|asked| *asked > attempt)).await;
        let _ = tried.expect("it is tried").unwrap();
        until(&store, QUEUED, 1).await;
    }
    let waits = count(&store, Count::DueAt).await - harness.clock.now().as_millis();
    assert!((1..=720_000).contains(&waits), "{waits}");

    harness.clock.advance(Duration::from_hours(24));
    service.wake_deliveries();
    until(&store, DEAD, 1).await;
    let job = service.find(key, job.id).await.unwrap().unwrap();
    assert!(job.link_base.is_none() && job.has_expired(harness.clock.now()));
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn an_upload_survives_a_restart_and_is_given_up_without_its_bucket() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Fails);
    let (service, key, running, store) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    // One in flight is requeued at once.
    bucket.set(Mood::Hangs);
    let asked = *bucket.asked.borrow();
    harness.clock.advance(Duration::from_secs(5));
    service.wake_deliveries();
    let mut in_flight = bucket.asked.subscribe();
    let _ = timeout(TIMEOUT, in_flight.wait_for(|now| *now > asked))
        .await
        .unwrap();
    running.shutdown(TIMEOUT).await;
    assert_eq!(count(&store, QUEUED).await, 1);
    assert_eq!(count(&store, Count::DeliveryAttempt).await, 0);
    drop(service);

    bucket.set(Mood::Works);
    let (service, _, running, _) = begin(&harness, &bucket).await;
    until(&store, DELIVERED, 1).await;
    let job = service.find(key, job.id).await.unwrap().unwrap();
    assert!(job.link_base.is_some());
    running.shutdown(Duration::ZERO).await;
    drop(service);

    // An upload to a bucket that no key has any more is given up.
    store.requeue_deliveries().await;
    let service = harness.open().await;
    let running = service.start();
    until(&store, DEAD, 1).await;
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn uploaded_images_of_a_job_that_fails_are_deleted() {
    let mut harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Works);
    harness.observer = Arc::new(|checkpoint, _| {
        assert!(
            checkpoint != Checkpoint::Finishing,
            "failure that the test injects"
        );
    });
    let (service, key, running, _) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    assert_eq!(job.state, JobState::Failed);
    running.shutdown(TIMEOUT).await;
    assert!(bucket.objects.is_empty() && harness.images.is_empty());
    assert_eq!(*bucket.asked.borrow(), 1);
}

#[tokio::test]
async fn erasing_deletes_images_from_the_bucket() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Works);
    let (service, key, running, _) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    assert_eq!(bucket.objects.len(), 1);
    let erased = service.erase(key, job.id).await.unwrap().unwrap();
    assert!(erased.images.directory);
    assert_eq!(erased.images.bucket, Some(true));
    assert!(bucket.objects.is_empty());
    assert_eq!(service.read(&first_file(&job)).await.unwrap(), None);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn an_upload_in_flight_while_its_job_is_erased_leaves_nothing() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Fails);
    let (service, key, running, store) = begin(&harness, &bucket).await;
    let job = made(&service, key, "a person").await;
    until(&store, QUEUED, 1).await;

    let asked = *bucket.asked.borrow();
    bucket.set(Mood::Waits);
    harness.clock.advance(Duration::from_secs(5));
    service.wake_deliveries();
    let mut in_flight = bucket.asked.subscribe();
    let begun = in_flight.wait_for(|now| *now > asked);
    let _ = timeout(TIMEOUT, begun).await.unwrap();
    service.erase(key, job.id).await.unwrap().unwrap();
    bucket.set(Mood::Works);

    let in_flight = Count::OpenDeliveries;
    until(&store, in_flight, 0).await;
    assert_eq!(count(&store, DELIVERED).await, 0);
    assert!(bucket.objects.is_empty() && harness.images.is_empty());
    let job = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(job.link_base, None);
    running.shutdown(Duration::ZERO).await;
}

/// Submits a job whose photo is behind a URL.
async fn with_face(service: &JobService, key: KeyId, url: &str) -> Job {
    let mut submission = submission(key, request("by url"));
    submission.face = FaceSource::Url(url.into());
    service.submit(submission).await.unwrap()
}

#[tokio::test]
async fn a_bucket_that_hangs_delays_photos_no_longer_than_another_host() {
    let harness = Harness::new();
    let bucket = FakeBucket::new(&harness, Mood::Works);
    let (service, key, running, _) = begin(&harness, &bucket).await;
    let made = made(&service, key, "a person").await;
    let link = format!("{}/temp/{}", made.base_url, first_file(&made).expose());
    let again = with_face(&service, key, &link).await;
    assert_eq!(end_of(&service, again.id).await.state, JobState::Succeeded);

    bucket.set(Mood::Hangs);
    let soon = JobsConfig {
        face_timeout: Duration::from_millis(50),
        ..harness.config()
    };
    service.reconfigure(soon);
    let mut hanging = Vec::new();
    for _ in 0..4 {
        hanging.push(with_face(&service, key, &link).await);
    }
    let other = service.keys().create("other", KeyRole::Plain).await;
    let other = other.unwrap().0.id;
    let quick = with_face(&service, other, "http://faces.example/a.jpg").await;
    for job in hanging {
        let failure = end_of(&service, job.id).await.failure.unwrap();
        assert_eq!(
            failure.message,
            "face_image cannot be fetched within 0.05 seconds"
        );
    }
    assert_eq!(end_of(&service, quick.id).await.state, JobState::Succeeded);
    running.shutdown(Duration::ZERO).await;
}
