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

#[cfg(test)]
mod tests;

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
