//! How much memory all bodies together may take.
//!
//! The key of a request may stand in its body, so bodies are held in memory for
//! callers whom nobody knows yet. Room is taken as bytes arrive, never for what
//! is only announced, and is given back when the request needs it no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::ApiError;

/// The first bytes of every body are free, so that requests without a
/// photograph are answered however many others hold all the room.
const FREE_BYTES: usize = 64 * 1024;

/// Room is taken in pieces of this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// How long a body waits for room.
const ROOM_TIME: Duration = Duration::from_secs(1);

/// The room that all bodies share.
#[derive(Debug)]
pub(crate) struct BodyBudget {
    /// One permit for each byte.
    room: Arc<Semaphore>,
    /// How many there are, those that are taken included.
    bytes: AtomicUsize,
}

impl BodyBudget {
    /// Room for `bytes`, and for at least one body of `largest_body` bytes,
    /// which could not be read at all otherwise.
    pub(crate) fn new(bytes: usize, largest_body: usize) -> Self {
        let bytes = room_for(bytes, largest_body);
        Self {
            room: Arc::new(Semaphore::new(bytes)),
            bytes: bytes.into(),
        }
    }

    /// Makes as much room as a new budget would have. It never becomes less:
    /// smaller bodies need no less of it.
    pub(crate) fn grow(&self, bytes: usize, largest_body: usize) {
        let wanted = room_for(bytes, largest_body);
        let former = self.bytes.fetch_max(wanted, Ordering::Relaxed);
        self.room.add_permits(wanted.saturating_sub(former));
    }

    /// The share of one body, nothing yet.
    pub(crate) fn share(&self) -> BodyShare {
        BodyShare {
            room: Arc::clone(&self.room),
            held: None,
        }
    }
}

/// What one body holds of the room, until it is dropped.
#[derive(Debug)]
pub(crate) struct BodyShare {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyShare {
    /// Takes room until there is enough for `length` bytes. `length` must not
    /// shrink from call to call.
    ///
    /// # Errors
    /// Others hold the room, and keep it for a second.
    pub(super) async fn cover(&mut self, length: usize) -> Result<(), ApiError> {
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = pieces_for(length).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| ApiError::NoRoom)?;
        let taking = Arc::clone(&self.room).acquire_many_owned(missing);
        let taken = timeout(ROOM_TIME, taking).await;
        let Ok(Ok(taken)) = taken else {
            return Err(ApiError::NoRoom);
        };
        match &mut self.held {
            Some(held) => held.merge(taken),
            None => self.held = Some(taken),
        }
        Ok(())
    }

    /// Keeps the share until `work` is done, and does it whether or not the
    /// caller is still there: what came in the body is in memory until then.
    ///
    /// # Errors
    /// `work` panicked.
    pub(crate) async fn held_by<T: Send + 'static>(
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

/// The bytes of a budget of `bytes` that has room for one of the largest.
fn room_for(bytes: usize, largest_body: usize) -> usize {
    let bytes = bytes.max(pieces_for(largest_body));
    bytes.min(Semaphore::MAX_PERMITS)
}

/// The bytes of all pieces that a body of `length` bytes takes.
fn pieces_for(length: usize) -> usize {
    let charged = length.saturating_sub(FREE_BYTES);
    charged.div_ceil(PIECE_BYTES).saturating_mul(PIECE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: usize = FREE_BYTES + 2 * PIECE_BYTES;

    #[tokio::test(start_paused = true)]
    async fn the_sum_of_all_bodies_stays_within_the_budget() {
        let budget = BodyBudget::new(7 * PIECE_BYTES, BODY);
        let mut shares: Vec<_> = (0..100).map(|_| budget.share()).collect();
        let mut covered = Vec::new();
        for share in &mut shares {
            // Byte by byte as it were: each half adds to what is held.
            share.cover(FREE_BYTES).await.unwrap();
            if share.cover(BODY - PIECE_BYTES).await.is_ok() && share.cover(BODY).await.is_ok() {
                covered.push(share);
            }
        }
        assert_eq!(covered.len(), 3);
        assert_eq!(budget.room.available_permits(), 0);
        drop(shares);
        assert_eq!(budget.room.available_permits(), 7 * PIECE_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_only_the_first_bytes_are_taken() {
        let budget = BodyBudget::new(0, BODY);
        let mut first = budget.share();
        first.cover(BODY).await.unwrap();
        let mut second = budget.share();
        second.cover(FREE_BYTES).await.unwrap();
        let error = second.cover(FREE_BYTES + 1).await.unwrap_err();
        assert!(matches!(error, ApiError::NoRoom));
        drop(first);
        second.cover(FREE_BYTES + 1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_grows_and_does_not_shrink() {
        let budget = BodyBudget::new(2 * PIECE_BYTES, 0);
        let mut share = budget.share();
        assert!(share.cover(BODY + PIECE_BYTES).await.is_err());
        for (bytes, room) in [(3, 3), (3, 3), (1, 3), (4, 4)] {
            budget.grow(bytes * PIECE_BYTES, 0);
            assert_eq!(budget.room.available_permits(), room * PIECE_BYTES);
        }
        share.cover(BODY + PIECE_BYTES).await.unwrap();
    }
}
