//! Tests of how jobs end, and of who can end them.

use super::*;

pub(super) async fn a_late_writer_changes_nothing(test: Test) {
    let id = test.insert("contested").await.id;
    let late = test.claimed().await.fence;
    test.reclaim(died(Death::FromInside)).await;
    let current = test.claimed().await.fence;
    assert_eq!((current.id, current.attempt), (id, 2));
    let now = test.clock.now();
    assert!(!test.queue.heartbeat(late, now + LEASE).await.unwrap());
    assert!(!test.queue.release(late).await.unwrap());
    assert!(!test.queue.enter(late).await.unwrap());
    assert!(
        !test
            .queue
            .resolve_size(late, &request("other"))
            .await
            .unwrap()
    );
    assert!(!test.queue.warn(late, &["odd".into()]).await.unwrap());
    assert!(
        !test
            .queue
            .finish(late, &test.success(Duration::ZERO))
            .await
            .unwrap()
    );
    assert!(!test.queue.fail(late, &failure(), now).await.unwrap());
    assert_eq!(test.state(id).await, JobState::Running);
    assert!(
        test.queue
            .finish(current, &test.success(Duration::ZERO))
            .await
            .unwrap()
    );
    for fence in [late, current] {
        assert!(
            !test
                .queue
                .finish(fence, &test.success(Duration::ZERO))
                .await
                .unwrap()
        );
        assert!(!test.queue.fail(fence, &failure(), now).await.unwrap());
        assert!(!test.queue.release(fence).await.unwrap());
    }
    assert_eq!(test.state(id).await, JobState::Succeeded);
    assert_eq!(test.count.webhooks().await, 1);
}

pub(super) async fn every_end_takes_the_photo_and_writes_the_webhook(test: Test) {
    let mut jobs = Vec::new();
    for prompt in [
        "succeeds",
        "fails",
        "is cancelled",
        "is cancelled while it runs",
    ] {
        jobs.push(test.insert(prompt).await);
    }
    assert_eq!(test.count.photos().await, 4);
    let photo = test.queue.photo(jobs[0].id).await.unwrap();
    assert_eq!(photo.unwrap().bytes(), b"photo");

    let success = test.claimed().await.fence;
    test.clock.advance(Duration::from_millis(1_500));
    assert!(
        test.queue
            .finish(success, &test.success(Duration::from_millis(1_500)))
            .await
            .unwrap()
    );
    let job = test.queue.find(None, success.id).await.unwrap().unwrap();
    assert_eq!(job.generation_time(), Some(Duration::from_millis(1_500)));
    assert_eq!(job.warnings, ["a warning"]);
    let outcome = job.outcome.unwrap();
    assert_eq!(outcome.images, [record()]);
    assert_eq!(outcome.engine.as_deref(), Some("cuda:1"));
    assert_eq!(
        job.expires_at,
        Some(test.clock.now() + Duration::from_hours(24))
    );
    let times = test.queue.latest_times(10).await.unwrap();
    assert_eq!(times, [(21 * 64 * 64, Duration::from_millis(1_500))]);

    let failed = test.claimed().await.fence;
    assert!(
        test.queue
            .fail(failed, &failure(), test.clock.now())
            .await
            .unwrap()
    );
    let job = test.queue.find(None, failed.id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.failure),
        (JobState::Failed, Some(failure()))
    );

    test.claimed().await;
    for job in &jobs[2..] {
        let now = test.clock.now();
        let (key, failure) = (test.keys[0], failure());
        let cancelled = test.queue.cancel(key, job.id, &failure, now).await;
        assert!(cancelled.unwrap());
        assert_eq!(test.state(job.id).await, JobState::Cancelled);
    }
    assert_eq!(test.count.photos().await, 0);
    assert_eq!(test.count.webhooks().await, 4);
}

pub(super) async fn a_released_job_is_next_and_loses_nothing(test: Test) {
    let first = test.insert("first").await;
    test.insert("second").await;
    for attempt in 1..=5 {
        let claim = test.claimed().await;
        assert_eq!((claim.job.id, claim.fence.attempt), (first.id, attempt));
        assert_eq!(claim.crash_count, 0);
        assert!(test.queue.release(claim.fence).await.unwrap());
        assert_eq!(test.state(first.id).await, JobState::Queued);
    }
}

pub(super) async fn cancelling_is_for_the_owner_and_for_what_has_not_ended(test: Test) {
    let job = test.insert("mine").await;
    let neighbour = test.insert("my other one").await;
    let cancel = async |key| {
        let now = test.clock.now();
        test.queue
            .cancel(key, job.id, &failure(), now)
            .await
            .unwrap()
    };
    assert!(!cancel(test.keys[1]).await);
    assert_eq!(test.state(job.id).await, JobState::Queued);
    assert!(cancel(test.keys[0]).await);
    assert!(!cancel(test.keys[0]).await);
    assert_eq!(test.claimed().await.job.id, neighbour.id);
    assert_eq!(test.count.webhooks().await, 1);
}

pub(super) async fn the_time_of_a_job_is_that_from_its_beginning_in_the_engine(test: Test) {
    test.insert("first").await;
    test.insert("ahead").await;
    let fences = [test.claimed().await.fence, test.claimed().await.fence];
    for (fence, millis) in fences.into_iter().zip([1_000, 3_000]) {
        let time = Duration::from_millis(millis);
        test.clock.advance(time);
        let success = test.success(time);
        assert!(test.queue.finish(fence, &success).await.unwrap());
    }
    let times = test.queue.latest_times(10).await.unwrap();
    let times: Vec<u128> = times.iter().map(|(_, time)| time.as_millis()).collect();
    assert_eq!(times, [3_000, 1_000]);
    let ahead = test.queue.find(None, fences[1].id).await.unwrap().unwrap();
    assert_eq!(ahead.generation_time(), Some(Duration::from_secs(3)));
}
