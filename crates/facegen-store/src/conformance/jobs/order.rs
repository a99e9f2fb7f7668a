//! Tests of what is claimed next.

use super::*;

pub(super) async fn jobs_come_in_their_order(test: Test) {
    let first = test.insert("first").await;
    let mut urgent = test.new_job(request("urgent"));
    urgent.priority = 1;
    let urgent = test
        .queue
        .insert(&urgent, limit(100))
        .await
        .unwrap()
        .unwrap();
    let last = test.insert("last").await;
    assert_eq!(test.queue.depth().await.unwrap(), 3);
    for expected in [urgent, first, last] {
        let claim = test.claim(ClaimScope::Unsuspected).await.unwrap();
        assert_eq!(claim.job.id, expected.id);
        assert_eq!(
            (claim.job.state, claim.fence.attempt),
            (JobState::Running, 1)
        );
    }
    assert!(test.claim(ClaimScope::Any).await.is_none());
    assert_eq!(test.queue.depth().await.unwrap(), 0);
}

pub(super) async fn jobs_with_inline_photos_may_overtake_others(test: Test) {
    let by_url = NewJob {
        face: FaceSource::Url(SafeUrl::from("http://faces.example/a.jpg")),
        ..test.new_job(request("by url"))
    };
    let by_url = test.queue.insert(&by_url, limit(100)).await;
    let by_url = by_url.unwrap().unwrap().id;
    assert!(test.claim(ClaimScope::UnsuspectedInline).await.is_none());
    let inline = test.insert("inline").await.id;
    let claim = test.claim(ClaimScope::UnsuspectedInline).await.unwrap();
    assert_eq!(claim.job.id, inline);
    assert_eq!(
        test.claim(ClaimScope::Unsuspected).await.unwrap().job.id,
        by_url
    );

    // But not a suspect, which must run alone.
    test.reclaim(died(Death::FromInside)).await;
    assert!(test.claim(ClaimScope::UnsuspectedInline).await.is_none());
}

pub(super) async fn load_is_what_comes_before(test: Test) {
    let running = test.insert("running").await.id;
    test.claimed().await;
    let mut ids = Vec::new();
    for prompt in ["first", "second", "third"] {
        ids.push(test.insert(prompt).await.id);
    }
    let unit = 21 * 64 * 64;
    for (id, before) in ids.into_iter().zip(0..) {
        let load = test.queue.load_before(id).await.unwrap();
        assert_eq!(load.waiting, before * unit);
        assert_eq!(load.running, [(running, unit)]);
    }
    let load = test.queue.load_before(running).await.unwrap();
    assert_eq!(load.waiting, 0);
}

/// Inserts a long queue of one key, and then jobs of another.
async fn two_lines(test: &Test) -> Vec<JobId> {
    let mut ids = Vec::new();
    for (line, priority) in [(0, 0), (0, 0), (0, 0), (1, 0), (1, 0), (0, 1)] {
        let job = NewJob {
            key: test.keys[line],
            priority,
            ..test.new_job(request("in a line"))
        };
        let limits = limit(100);
        ids.push(test.queue.insert(&job, limits).await.unwrap().unwrap().id);
    }
    ids
}

pub(super) async fn keys_take_turns(test: Test) {
    let ids = two_lines(&test).await;
    // The urgent one is the first key's turn, so the second is next.
    let expected = [5, 3, 0, 4, 1, 2].map(|index| ids[index]);
    let mut waiting = Vec::new();
    for id in expected {
        let load = test.queue.load_before(id).await.unwrap();
        waiting.push(load.waiting / (21 * 64 * 64));
    }
    // Until the urgent one is claimed, the first key counts as next.
    assert_eq!(waiting, [0, 2, 1, 4, 3, 5]);
    for (index, id) in expected.into_iter().enumerate() {
        if index > 0 {
            let load = test.queue.load_before(id).await.unwrap();
            assert_eq!(load.waiting, 0);
        }
        assert_eq!(test.claimed().await.job.id, id, "{index}");
    }
    assert!(test.claim(ClaimScope::Any).await.is_none());
}

pub(super) async fn a_turn_without_a_result_is_restored(test: Test) {
    let ids = two_lines(&test).await;
    test.claimed().await;
    for _ in 0..3 {
        let claim = test.claimed().await;
        assert_eq!(claim.job.id, ids[3]);
        assert!(test.queue.release(claim.fence).await.unwrap());
    }
    assert_eq!(test.claimed().await.job.id, ids[3]);
    assert_eq!(test.claimed().await.job.id, ids[0]);
    test.reclaim(died(Death::FromInside)).await;
    // No key has had a turn, and the urgent job runs alone like the others.
    let order = [5, 3, 0].map(|index| ids[index]);
    for id in order {
        let claim = test.claimed().await;
        assert_eq!((claim.job.id, claim.crash_count), (id, 1));
    }
}
