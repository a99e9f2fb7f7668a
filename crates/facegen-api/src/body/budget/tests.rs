use tokio::time::advance;

use super::*;

/// A body of two pieces.
const BODY: usize = FREE_BYTES + 2 * PIECE_BYTES;
const KEY: Holder = Holder::Key(KeyId::new(1));
const OTHER: Holder = Holder::Key(KeyId::new(2));

/// Returns a budget for this many bodies.
fn budget(bodies: usize) -> Arc<BodyBudget> {
    Arc::new(BodyBudget::new(bodies * 2 * PIECE_BYTES, BODY))
}

fn held(budget: &BodyBudget) -> usize {
    budget.lock().held(|_| true) / PIECE_BYTES
}

/// Starts `count` bodies of `holder` that stall; returns those that got
/// memory.
async fn half_sent(budget: &Arc<BodyBudget>, holder: Holder, count: usize) -> Vec<BodyPermit> {
    let mut covered = Vec::new();
    for _ in 0..count {
        let share = budget.share(holder);
        // Piece by piece, so that the second adds to the first.
        share.reserve(FREE_BYTES).await.unwrap();
        if budget.lock().take(share.number, PIECE_BYTES)
            && budget.lock().take(share.number, 2 * PIECE_BYTES)
        {
            covered.push(share);
        }
    }
    covered
}

#[tokio::test(start_paused = true)]
async fn neither_unauthenticated_callers_nor_one_key_take_the_whole_budget() {
    let budget = budget(8);
    let strangers = half_sent(&budget, Holder::Unknown, 100).await;
    assert_eq!((strangers.len(), held(&budget)), (4, 8));
    let own = half_sent(&budget, KEY, 100).await;
    assert_eq!((own.len(), held(&budget)), (4, 16));
    drop((strangers, own));
    assert_eq!(held(&budget), 0);
    assert!(budget.lock().bodies.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_bodies_together_stay_within_the_budget() {
    let budget = budget(8);
    let mut all = Vec::new();
    for key in 0..10 {
        all.push(half_sent(&budget, Holder::Key(KeyId::new(key)), 3).await);
    }
    assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 8);
    assert_eq!(held(&budget), 16);
}

#[tokio::test(start_paused = true)]
async fn without_memory_only_the_first_bytes_are_taken() {
    let budget = Arc::new(BodyBudget::new(0, BODY));
    let first = budget.share(Holder::Unknown);
    first.reserve(BODY).await.unwrap();
    first.arrived();
    let second = budget.share(Holder::Unknown);
    second.reserve(FREE_BYTES).await.unwrap();
    let error = second.reserve(FREE_BYTES + 1).await.unwrap_err();
    assert!(matches!(error, ApiError::NoRoom));
    drop(first);
    second.reserve(FREE_BYTES + 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_is_cut_off_and_a_growing_one_is_not() {
    let budget = budget(4);
    let stopped = half_sent(&budget, Holder::Unknown, 1).await.remove(0);
    advance(STALE).await;
    let coming = budget.share(Holder::Unknown);
    coming.reserve(BODY - PIECE_BYTES).await.unwrap();
    let next = budget.share(Holder::Unknown);
    let waiting = tokio::spawn(async move {
        next.reserve(BODY).await.unwrap();
        next
    });
    stopped.cut.cancelled().await;
    assert!(!coming.cut.is_cancelled());
    let until = Instant::now() + ROOM_TIME;
    let cut = stopped.unless_cut(until, std::future::pending::<Result<(), _>>());
    assert!(matches!(cut.await, Err(ApiError::NoRoom)));
    drop(stopped);
    let next = waiting.await.unwrap();
    coming.reserve(BODY).await.unwrap();
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn a_complete_body_is_never_cut_off() {
    let budget = budget(2);
    let arrived = half_sent(&budget, Holder::Unknown, 1).await.remove(0);
    arrived.arrived();
    advance(10 * STALE).await;
    let next = budget.share(Holder::Unknown);
    assert!(next.reserve(BODY).await.is_err());
    assert!(!arrived.cut.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn unauthenticated_bodies_are_cut_off_before_those_of_keys() {
    let budget = budget(4);
    let stranger = half_sent(&budget, Holder::Unknown, 1).await.remove(0);
    let own = half_sent(&budget, KEY, 2).await;
    let others = half_sent(&budget, OTHER, 1).await;
    advance(STALE).await;
    let next = budget.share(OTHER);
    assert!(!budget.lock().take(next.number, PIECE_BYTES));
    assert!(stranger.cut.is_cancelled());
    let keys = || own.iter().chain(&others);
    assert!(keys().all(|share| !share.cut.is_cancelled()));
    drop(stranger);
    next.reserve(BODY).await.unwrap();
    let late = budget.share(Holder::Unknown);
    assert!(late.reserve(BODY).await.is_err());
    assert!(keys().all(|share| !share.cut.is_cancelled()));
}

#[tokio::test(start_paused = true)]
async fn a_budget_grows_and_does_not_shrink() {
    let budget = Arc::new(BodyBudget::new(2 * PIECE_BYTES, 0));
    let share = budget.share(KEY);
    assert!(share.reserve(BODY).await.is_err());
    for (bytes, room) in [(3, 3), (3, 3), (1, 3), (4, 4)] {
        budget.grow(bytes * PIECE_BYTES, 0);
        assert_eq!(budget.lock().bytes, room * PIECE_BYTES);
    }
    share.reserve(BODY).await.unwrap();
}
