//! How many jobs an engine runs, or decode their photos for one.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// As many permits as the engines have capacity, first come, first served.
pub(crate) struct EnginePermits {
    semaphore: Semaphore,
    size: Mutex<usize>,
}

impl Default for EnginePermits {
    /// Returns no permits: there is no engine yet.
    fn default() -> Self {
        Self {
            semaphore: Semaphore::new(0),
            size: Mutex::new(0),
        }
    }
}

impl EnginePermits {
    /// Sets the number of permits. Those in use stay so until they are
    /// released: when there are fewer now, this has to be called again.
    pub(crate) fn resize(&self, wanted: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted >= *size {
            self.semaphore.add_permits(wanted - *size);
            *size = wanted;
        } else {
            *size -= self.semaphore.forget_permits(*size - wanted);
        }
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.semaphore.acquire().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_follow_the_capacity_of_the_engines() {
        let permits = EnginePermits::default();
        let free = || permits.semaphore.available_permits();
        permits.resize(3);
        assert_eq!(free(), 3);
        let taken = [(); 2].map(|()| permits.semaphore.try_acquire().unwrap());
        permits.resize(1);
        assert_eq!(free(), 0, "one of the two in use is too many");
        drop(taken);
        permits.resize(1);
        assert_eq!(free(), 1);
        permits.resize(0);
        assert!(permits.semaphore.try_acquire().is_err());
    }
}
