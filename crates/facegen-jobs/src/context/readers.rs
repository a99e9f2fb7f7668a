//! Limits on how much of objects in buckets is in memory, over all readers.
//!
//! Anyone who knows a link may read, and a key chooses its bucket itself. So
//! what its readers hold is bounded, and one key's readers leave room for those
//! of others. A reader is charged for its whole object, though it holds less.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use facegen_core::{ObjectPieces, StorageError, StoredObject};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use facegen_core::key::KeyId;

/// How much the readers of all keys hold at most, in KiB.
const ALL: usize = 64 * 1024;

/// How much the readers of one key's images hold at most, in KiB.
const OF_KEY: usize = 16 * 1024;

/// How long a reader waits for memory.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The memory that all readers share.
pub(crate) struct Readers {
    all: Arc<Semaphore>,
    of_keys: Mutex<HashMap<KeyId, Weak<Semaphore>>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            of_keys: Mutex::default(),
        }
    }
}

impl Readers {
    /// Reserves memory for an object of a key of at most `longest` bytes.
    /// Returns `None` when other readers do not release enough in time.
    pub(crate) async fn begin(&self, key: KeyId, longest: usize) -> Option<Reader> {
        let kib = u32::try_from(longest.div_ceil(1024)).ok()?;
        let (own, all) = (self.of_key(key), Arc::clone(&self.all));
        let taking = async move {
            // The key's own first: a reader that waits for it holds nothing of the others'.
            let own = own.acquire_many_owned(kib).await.ok()?;
            let all = all.acquire_many_owned(kib).await.ok()?;
            Some(Reader { own, all })
        };
        timeout(TIMEOUT, taking).await.ok()?
    }

    fn of_key(&self, key: KeyId) -> Arc<Semaphore> {
        let mut of_keys = self.lock();
        if let Some(known) = of_keys.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        of_keys.retain(|_, room| room.strong_count() > 0);
        let room = Arc::new(Semaphore::new(OF_KEY));
        of_keys.insert(key, Arc::downgrade(&room));
        room
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Weak<Semaphore>>> {
        self.of_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one reader has reserved, until it is dropped.
pub(crate) struct Reader {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Reader {
    /// Returns the object with the memory that it needs, and releases the rest.
    pub(crate) fn hold(mut self, object: StoredObject) -> StoredObject {
        let StoredObject::Pieces { pieces, bytes } = object else {
            return object;
        };
        if let Some(needed) = bytes.and_then(|bytes| usize::try_from(bytes.div_ceil(1024)).ok()) {
            for permit in [&mut self.own, &mut self.all] {
                // What is split off is released at once.
                let rest = permit.num_permits().saturating_sub(needed);
                drop(permit.split(rest));
            }
        }
        let pieces = Box::new(ReservedObject {
            pieces,
            _reader: self,
        });
        StoredObject::Pieces { pieces, bytes }
    }
}

/// An object with its reservation.
struct ReservedObject {
    pieces: Box<dyn ObjectPieces>,
    _reader: Reader,
}

#[async_trait]
impl ObjectPieces for ReservedObject {
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        self.pieces.next().await
    }
}

impl fmt::Debug for ReservedObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 2 << 20;

    /// A stream of pieces that never come.
    #[derive(Debug)]
    struct Never;

    #[async_trait]
    impl ObjectPieces for Never {
        async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
            std::future::pending().await
        }
    }

    async fn open(readers: &Readers, key: i64, bytes: Option<u64>) -> Option<StoredObject> {
        let reader = readers.begin(KeyId::new(key), LONGEST).await?;
        let pieces = Box::new(Never);
        Some(reader.hold(StoredObject::Pieces { pieces, bytes }))
    }

    #[tokio::test(start_paused = true)]
    async fn unread_objects_of_a_key_are_bounded_and_leave_room_for_other_keys() {
        let readers = Readers::default();
        let mut open_ones = Vec::new();
        // 40 readers of the key, of objects without a length.
        for _ in 0..40 {
            open_ones.extend(open(&readers, 1, None).await);
        }
        assert_eq!(open_ones.len(), 8);
        assert_eq!(ALL - readers.all.available_permits(), OF_KEY);
        assert!(open(&readers, 2, None).await.is_some());
        drop(open_ones);
        assert_eq!(readers.all.available_permits(), ALL);
        assert!(open(&readers, 1, None).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_keys_together_are_bounded() {
        let readers = Readers::default();
        let mut open_ones = Vec::new();
        for key in 0..10 {
            for _ in 0..10 {
                open_ones.extend(open(&readers, key, None).await);
            }
        }
        assert_eq!(open_ones.len() * LONGEST, ALL * 1024);
        assert_eq!(readers.all.available_permits(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_of_known_length_holds_no_more() {
        let readers = Readers::default();
        let mut open_ones = Vec::new();
        for _ in 0..40 {
            open_ones.extend(open(&readers, 1, Some(100_000)).await);
        }
        assert_eq!(open_ones.len(), 40);
        assert_eq!(ALL - readers.all.available_permits(), 40 * 98);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_without_readers_are_forgotten() {
        let readers = Readers::default();
        for key in 0..100 {
            drop(open(&readers, key, None).await);
        }
        assert_eq!(readers.lock().len(), 1);
    }
}
