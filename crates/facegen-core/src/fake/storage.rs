//! A store in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Clock, ImageStore, ObjectName, StorageError, Timestamp};

type Objects = HashMap<ObjectName, (Timestamp, Vec<u8>)>;

/// A store in memory. Clones share the objects.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    objects: Arc<Mutex<Objects>>,
}

impl MemoryStore {
    /// Creates an empty store that uses `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            objects: Arc::default(),
        }
    }

    /// Returns the number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ImageStore for MemoryStore {
    async fn put(&self, object: &ObjectName, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.lock()
            .insert(object.clone(), (self.clock.now(), bytes));
        Ok(())
    }

    async fn get(&self, object: &ObjectName) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.lock().get(object).map(|(_, bytes)| bytes.clone()))
    }

    async fn delete(&self, object: &ObjectName) -> Result<(), StorageError> {
        self.lock().remove(object);
        Ok(())
    }

    async fn delete_before(&self, moment: Timestamp) -> Result<usize, StorageError> {
        let mut objects = self.lock();
        let before = objects.len();
        objects.retain(|_, (written, _)| *written >= moment);
        Ok(before - objects.len())
    }
}
