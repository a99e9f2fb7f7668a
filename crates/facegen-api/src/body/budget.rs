//! The memory budget that all request bodies share.
//!
//! The key of a request may be in its body, so bodies are buffered for callers
//! that are not authenticated yet. Memory is reserved as bytes arrive, never
//! for an announced length, and is released when the request no longer needs
//! it.
//!
//! Unauthenticated callers share half of the budget, and no key gets more than
//! half of it. When the budget is exhausted, the body that has made no progress
//! for the longest time is cut off, so that a stalled upload blocks no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::KeyId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::ApiError;

/// The first bytes of every body are not counted, so that requests without a
/// photo are answered even when the budget is exhausted.
pub(super) const FREE_BYTES: usize = 64 * 1024;

/// The granularity of reservations.
const PIECE_BYTES: usize = 256 * 1024;

/// How long a body waits for memory.
const ROOM_TIME: Duration = Duration::from_secs(5);

/// A body that has not grown by a piece for this long can be cut off.
const STALE: Duration = Duration::from_secs(2);

/// How often a waiting body looks for a stale one.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The owner of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// Not authenticated yet.
    Unknown,
    /// Authenticated by this key.
    Key(KeyId),
}

/// The memory budget of all bodies.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    state: Mutex<State>,
    /// Notified when memory is released.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The total budget.
    bytes: usize,
    /// The most that unauthenticated callers together, and each key, may hold.
    most_of_one: usize,
    bodies: HashMap<u64, HeldBody>,
    next: u64,
}

/// The reservation of one body.
#[derive(Debug)]
struct HeldBody {
    holder: Holder,
    bytes: usize,
    /// Whether the body is still being received.
    arriving: bool,
    /// When the reservation last grew.
    moved: Instant,
    /// Cancelled to cut the body off.
    cut: CancellationToken,
}

impl BodyBudget {
    /// Creates a budget of `bytes`, or of one body of `largest_body` bytes if
    /// that is more: such a body could never be read otherwise.
    pub(crate) fn new(bytes: usize, largest_body: usize) -> Self {
        let budget = Self {
            state: Mutex::default(),
            freed: Notify::new(),
        };
        budget.grow(bytes, largest_body);
        budget
    }

    /// Grows the budget to what [`BodyBudget::new`] would make of these
    /// numbers. It never shrinks, as smaller bodies need no smaller budget.
    pub(crate) fn grow(&self, bytes: usize, largest_body: usize) {
        let mut state = self.lock();
        let largest = pieces_for(largest_body);
        state.bytes = state.bytes.max(bytes).max(largest);
        state.most_of_one = state.most_of_one.max(state.bytes / 2).max(largest);
    }

    /// Creates a permit that holds no memory yet.
    pub(crate) fn share(self: &Arc<Self>, holder: Holder) -> BodyPermit {
        let cut = CancellationToken::new();
        let held = HeldBody {
            holder,
            bytes: 0,
            arriving: true,
            moved: Instant::now(),
            cut: cut.clone(),
        };
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.bodies.insert(number, held);
        BodyPermit {
            budget: Arc::clone(self),
            number,
            cut,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Raises the reservation of a body to `bytes` in all. Where that exceeds
    /// the budget, cuts off the stalest other body and returns false.
    fn take(&mut self, number: u64, bytes: usize) -> bool {
        let Some(own) = self.bodies.get(&number) else {
            return false;
        };
        let (holder, missing) = (own.holder, bytes.saturating_sub(own.bytes));
        if missing == 0 {
            return true;
        }
        let fits_holder = self.held(|held| held.holder == holder) + missing <= self.most_of_one;
        if !fits_holder {
            self.cut_stalest(number, |other| other == holder);
            return false;
        }
        if self.held(|_| true) + missing > self.bytes {
            let is_stranger = |other| other == Holder::Unknown;
            let found = self.cut_stalest(number, is_stranger);
            if !found && holder != Holder::Unknown {
                self.cut_stalest(number, |_| true);
            }
            return false;
        }
        if let Some(own) = self.bodies.get_mut(&number) {
            own.bytes = bytes;
            own.moved = Instant::now();
        }
        true
    }

    /// Returns how many bytes the matching bodies hold.
    fn held(&self, counts: impl Fn(&HeldBody) -> bool) -> usize {
        let bodies = self.bodies.values().filter(|held| counts(held));
        bodies.map(|held| held.bytes).sum()
    }

    /// Cuts off the stalest body of the matching holders, if one is stale.
    fn cut_stalest(&self, asking: u64, of: impl Fn(Holder) -> bool) -> bool {
        let others = self.bodies.iter().filter(|(number, _)| **number != asking);
        let stale = others.map(|(_, held)| held).filter(|held| {
            held.bytes > 0 && held.arriving && of(held.holder) && held.moved.elapsed() >= STALE
        });
        let stalest = stale.min_by_key(|held| held.moved);
        stalest.inspect(|held| held.cut.cancel()).is_some()
    }
}

/// The reservation of one body, released on drop.
#[derive(Debug)]
pub(crate) struct BodyPermit {
    budget: Arc<BodyBudget>,
    number: u64,
    cut: CancellationToken,
}

impl BodyPermit {
    /// Waits until memory for `length` bytes is reserved.
    ///
    /// # Errors
    /// Fails when no memory becomes free in time, or the body is cut off.
    pub(super) async fn reserve(&self, length: usize) -> Result<(), ApiError> {
        let bytes = pieces_for(length);
        let until = Instant::now() + ROOM_TIME;
        loop {
            let freed = self.budget.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.budget.lock().take(self.number, bytes) {
                return Ok(());
            }
            tokio::select! {
                _ = timeout(POLL_INTERVAL, freed) => {}
                () = self.cut.cancelled() => return Err(ApiError::NoRoom),
            }
            if Instant::now() >= until {
                return Err(ApiError::NoRoom);
            }
        }
    }

    /// Runs `reading`, unless the body is cut off first.
    ///
    /// # Errors
    /// Fails when `reading` does, when the body is cut off, and at `until`.
    pub(super) async fn unless_cut<T>(
        &self,
        until: Instant,
        reading: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let reading = timeout_at(until, self.cut.run_until_cancelled(reading));
        match reading.await {
            Ok(Some(read)) => read,
            Ok(None) => Err(ApiError::NoRoom),
            Err(_) => Err(ApiError::BodyTooSlow),
        }
    }

    /// Marks the body as complete; it can no longer be cut off.
    pub(super) fn arrived(&self) {
        if let Some(held) = self.budget.lock().bodies.get_mut(&self.number) {
            held.arriving = false;
        }
    }

    /// Releases all memory, because the body is refused.
    pub(super) fn release(&self) {
        if let Some(held) = self.budget.lock().bodies.get_mut(&self.number) {
            held.bytes = 0;
        }
        self.budget.freed.notify_waiters();
    }

    /// Runs `work` to its end, even when the caller disconnects, and holds the
    /// permit until then, as the body stays in memory.
    ///
    /// # Errors
    /// Fails when `work` panics.
    pub(crate) async fn hold_during<T: Send + 'static>(
        self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let holding = async move {
            let done = work.await;
            drop(self);
            done
        };
        let task = tokio::spawn(holding.in_current_span());
        task.await.map_err(|_| ApiError::Panicked)
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.budget.lock().bodies.remove(&self.number);
        self.budget.freed.notify_waiters();
    }
}

/// Returns how many bytes are reserved for a body of `length` bytes.
fn pieces_for(length: usize) -> usize {
    let charged = length.saturating_sub(FREE_BYTES);
    charged.div_ceil(PIECE_BYTES).saturating_mul(PIECE_BYTES)
}

#[cfg(test)]
mod tests {
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
}
