//! Waiting for a job, and estimates of how long that takes.

use std::time::Instant;

use facegen_core::store::Event;

use super::*;
use crate::ports::Checkpoint;
use crate::service::watch::POLL_INTERVAL;

#[tokio::test]
async fn a_waiter_gets_the_job_as_it_is_at_the_deadline() {
    let harness = Harness::new();
    let service = harness.open().await;
    let job = submit(&service, new_key(&service).await, "waits").await;
    let job = service.wait(job.id, Duration::ZERO).await.unwrap();
    assert_eq!(job.state, JobState::Queued);
    let job = service
        .wait(job.id, Duration::from_millis(1))
        .await
        .unwrap();
    assert_eq!(job.state, JobState::Queued);
    let unknown = JobId::new(99).unwrap();
    let error = service.wait(unknown, DAY).await.unwrap_err();
    assert!(matches!(error, JobError::BrokeDown(_)), "{error:?}");
}

#[tokio::test]
async fn a_waiter_that_misses_the_event_of_the_end_still_returns() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = submit(&service, key, "waits").await;
    let ended = {
        let (service, id) = (service.clone(), job.id);
        tokio::spawn(async move { service.wait(id, Duration::MAX).await })
    };
    // Long enough to subscribe.
    tokio::time::sleep(Duration::from_millis(50)).await;
    // It ends without an event, after more events than a waiter can hold. The waiter hears
    // that it missed some, and does not wait until it looks at the row anyway.
    let failure = Failure {
        code: ErrorCode::Cancelled,
        message: String::new(),
    };
    let (queue, now) = (&service.context.storage.stores.jobs, harness.clock.now());
    assert!(queue.cancel(key, job.id, &failure, now).await.unwrap());
    for number in 1_000..3_000 {
        let job = JobId::new(number).unwrap();
        service.context.storage.publish(Event::JobEnded(job));
    }
    let begin = Instant::now();
    assert_eq!(ended.await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(begin.elapsed() < POLL_INTERVAL / 2, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn estimates_add_the_work_before_a_job() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let large = |prompt| {
        submission(
            key,
            parse(RawGenerationRequest {
                width: 512_i64.into(),
                height: 512_i64.into(),
                ..raw(prompt)
            }),
        )
    };
    let mut jobs = Vec::new();
    for prompt in ["first", "second", "third"] {
        jobs.push(service.submit(large(prompt)).await.unwrap());
    }
    for (job, seconds) in jobs.iter().zip([10, 20, 30]) {
        let estimate = service.estimate(job).await.unwrap();
        assert_eq!(estimate, Duration::from_secs(seconds));
    }
    let small = submit(&service, key, "small").await;
    let estimate = service.estimate(&small).await.unwrap().as_secs_f64();
    assert!((30.15..30.16).contains(&estimate), "{estimate}");
    for job in jobs {
        service.cancel(key, job.id).await.unwrap();
    }
    let estimate = service.estimate(&small).await.unwrap();
    assert_eq!(estimate, Duration::from_secs(1), "never less");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn estimates_follow_the_measured_steps_and_the_progress() {
    let mut harness = Harness::new();
    let (steps, mut step) = tokio::sync::watch::channel(0);
    harness.observer = Arc::new(move |checkpoint, _| {
        if checkpoint == Checkpoint::Denoising {
            steps.send_modify(|count| *count += 1);
        }
    });
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let first = submit(&service, key, "first").await;
    running.attach(harness.engine());
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    for done in 1..=5 {
        harness.clock.advance(Duration::from_secs(2));
        harness.control.let_pass(1);
        step.wait_for(|count| *count == done).await.unwrap();
    }
    let first = service.find(key, first.id).await.unwrap().unwrap();
    let estimate = service.estimate(&first).await.unwrap().as_secs_f64();
    assert!(
        (31.9..32.1).contains(&estimate),
        "16 steps of 2 s, not {estimate}"
    );
    harness.control.open();
    let first = end_of(&service, first.id).await;
    assert_eq!(service.estimate(&first).await.unwrap(), Duration::ZERO);
    running.shutdown(Duration::ZERO).await;
}
