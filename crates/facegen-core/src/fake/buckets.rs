//! Buckets of keys without a network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{BucketDetails, BucketFault, BucketOpener, ImageStore, SystemClock};

/// One store for each endpoint; each works until a fault is set. Clones share
/// the state.
#[derive(Debug, Clone, Default)]
pub struct FakeBuckets {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    stores: HashMap<String, Arc<dyn ImageStore>>,
    fault: Option<BucketFault>,
}

impl FakeBuckets {
    /// Uses this store for an endpoint, instead of one in memory.
    #[must_use]
    pub fn with(self, endpoint_url: &str, store: Arc<dyn ImageStore>) -> Self {
        self.lock().stores.insert(endpoint_url.to_owned(), store);
        self
    }

    /// Makes every later [`BucketOpener::try_out`] fail, or none.
    pub fn refuse(&self, fault: Option<BucketFault>) {
        self.lock().fault = fault;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BucketOpener for FakeBuckets {
    fn open(&self, details: &BucketDetails) -> Arc<dyn ImageStore> {
        let endpoint = details.endpoint_url.expose().to_owned();
        let mut state = self.lock();
        let store = state.stores.entry(endpoint);
        Arc::clone(store.or_insert_with(|| Arc::new(MemoryStore::new(Arc::new(SystemClock)))))
    }

    async fn try_out(&self, _: &BucketDetails) -> Result<(), BucketFault> {
        self.lock().fault.clone().map_or(Ok(()), Err)
    }
}
