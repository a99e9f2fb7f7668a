//! The limit of open event streams, in all and per key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facegen_core::KeyId;

/// The permits of all streams. Half of them are reserved for keys that have
/// none open, so that a few keys cannot take all.
#[derive(Debug)]
pub(crate) struct Streams {
    most: usize,
    open: Mutex<HashMap<KeyId, usize>>,
}

impl Streams {
    /// Creates this many permits.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    /// Acquires a permit for `key`, which can hold up to `share`, or any number
    /// when that is 0. `None` when there is none left.
    pub(crate) fn begin(self: &Arc<Self>, key: KeyId, share: usize) -> Option<StreamPermit> {
        let mut open = self.lock();
        let all: usize = open.values().sum();
        let own = open.get(&key).copied().unwrap_or(0);
        let most = match own {
            0 => self.most,
            _ => self.most.div_ceil(2),
        };
        if all >= most || (share > 0 && own >= share) {
            return None;
        }
        open.insert(key, own + 1);
        Some(StreamPermit {
            streams: Arc::clone(self),
            key,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit of an open stream, released on drop.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    streams: Arc<Streams>,
    key: KeyId,
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        let own = open.remove(&self.key).unwrap_or(0);
        if own > 1 {
            open.insert(self.key, own - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acquires as many permits for the key as it can get.
    fn all_of(streams: &Arc<Streams>, key: i64, share: usize) -> Vec<StreamPermit> {
        let begin = || streams.begin(KeyId::new(key), share);
        std::iter::from_fn(begin).take(300).collect()
    }

    #[test]
    fn a_key_has_its_share() {
        let streams = Arc::new(Streams::new(128));
        let permits = all_of(&streams, 1, 16);
        assert_eq!(permits.len(), 16);
        assert_eq!(all_of(&streams, 2, 16).len(), 16);
        drop(permits);
        assert_eq!(all_of(&streams, 1, 16).len(), 16);
        assert!(streams.lock().is_empty());
    }

    #[test]
    fn fifty_keys_at_their_limit_leave_a_permit_for_another() {
        for share in [0, 16] {
            let streams = Arc::new(Streams::new(128));
            let permits: Vec<_> = (0..50)
                .flat_map(|key| all_of(&streams, key, share))
                .collect();
            assert!(permits.len() >= 110, "{}", permits.len());
            assert_eq!(all_of(&streams, 99, share).len(), 1);
        }
    }
}
