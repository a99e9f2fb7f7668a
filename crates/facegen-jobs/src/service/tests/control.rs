//! Clearing the queue and the caches, other settings, and another engine.

use facegen_core::BucketDetails;
use facegen_core::redact::{SafeUrl, Secret};

use facegen_core::store::{ClaimScope, WorkerId};

use super::*;
use crate::testing::with_webhook;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiters_and_receivers_of_a_cleared_job_are_notified_at_once() {
    let harness = Harness::new();
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let submission = submission(key, with_webhook("waits"));
    let job = service.submit(submission).await.unwrap();
    let waiter = {
        let service = service.clone();
        tokio::spawn(async move { service.wait(job.id, Duration::MAX).await })
    };
    // Long enough to subscribe; the end is seen without it too, only later.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(service.clear_queue(Some(key)).await.unwrap(), 1);
    let ended = waiter.await.unwrap().unwrap();
    assert_eq!(ended.state, JobState::Cancelled);
    let messages = harness.receiver.messages(1).await;
    let body = format!("{{\"id\":{},\"state\":\"cancelled\"}}", job.id);
    assert_eq!(messages[0].body, body);
    assert_eq!(service.clear_queue(None).await.unwrap(), 0);
    running.shutdown(Duration::ZERO).await;
}

fn bucket() -> BucketDetails {
    BucketDetails {
        endpoint_url: SafeUrl::from("https://storage.example"),
        region: "us-east-1".into(),
        image_directory: "pictures".into(),
        public_url: SafeUrl::from("https://cdn.example/pictures"),
        access_key_id: Secret::new("id".into()),
        secret_access_key: Secret::new("hunter2".into()),
    }
}

#[tokio::test]
async fn cleared_caches_are_filled_again() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let job = submit(&service, key, "a person").await;
    service.clear_cache().await;
    assert!(
        service
            .context
            .storage
            .photo_cache
            .take(&job.file_prefix)
            .is_none()
    );
    service.set_bucket(key, bucket()).await.unwrap();
    let destination = service
        .context
        .storage
        .buckets
        .of(key)
        .await
        .unwrap()
        .unwrap();
    destination.on_failure(harness.clock.monotonic());
    service.clear_cache().await;
    assert!(!destination.is_open(harness.clock.monotonic()));
    running.attach(harness.engine());
    assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn the_backlog_is_zero_unless_jobs_wait() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    assert_eq!(service.backlog().await.unwrap(), Duration::ZERO);
    let large = parse(RawGenerationRequest {
        width: 512_i64.into(),
        height: 512_i64.into(),
        ..raw("large")
    });
    for _ in 0..2 {
        let submission = submission(key, large.clone());
        service.submit(submission).await.unwrap();
    }
    assert_eq!(service.backlog().await.unwrap(), Duration::from_secs(20));
    let now = harness.clock.now();
    for left in [20, 0] {
        let worker = WorkerId::new("a");
        let jobs = &service.context.storage.stores.jobs;
        jobs.claim(ClaimScope::Any, &worker, now, now)
            .await
            .unwrap();
        let backlog = service.backlog().await.unwrap();
        assert_eq!(backlog, Duration::from_secs(left));
    }
}

#[tokio::test]
async fn other_settings_apply_from_the_next_job_on() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    submit(&service, key, "first").await;
    let mut config = harness.config();
    config.queue_limit = 1;
    config.keep_images = Duration::from_hours(1);
    service.reconfigure(config);
    let refused = service.submit(submission(key, request("second"))).await;
    assert!(matches!(refused, Err(JobError::QueueFull { limit: 1, .. })));
    let running = service.start();
    running.attach(harness.engine());
    let job = end_of(&service, JobId::new(1).unwrap()).await;
    let hour = harness.clock.now() + Duration::from_hours(1);
    assert_eq!(job.expires_at, Some(hour));
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_taken_away_loses_no_job() {
    let harness = Harness::new();
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    let jobs = [
        submit(&service, key, "runs").await,
        submit(&service, key, "waits").await,
        submit(&service, key, "waits, too").await,
    ];
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    let mut detaching = Box::pin(running.detach());
    let a_moment = Duration::from_millis(10);
    // It waits for the step that the engine is in.
    while tokio::time::timeout(a_moment, &mut detaching)
        .await
        .is_err()
    {
        harness.control.let_pass(1);
    }
    drop(detaching);
    harness.control.open();
    let all_wait = async {
        while service.context.storage.stores.jobs.depth().await.unwrap() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::testing::TIMEOUT, all_wait)
        .await
        .unwrap();
    running.attach(harness.engine());
    for job in jobs {
        assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    }
    running.shutdown(Duration::ZERO).await;
}
