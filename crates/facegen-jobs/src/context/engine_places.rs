//! How many jobs are at the engines, or decode their photos for them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// As many places as the engines have room, first come, first served.
pub(crate) struct EnginePlaces {
    semaphore: Semaphore,
    size: Mutex<usize>,
}

impl Default for EnginePlaces {
    /// No places, as long as there is no engine.
    fn default() -> Self {
        Self {
            semaphore: Semaphore::new(0),
            size: Mutex::new(0),
        }
    }
}

impl EnginePlaces {
    /// Has so many places from now on. Those that are taken stay so until they
    /// are given back: where there are fewer now, this has to be called again.
    pub(crate) fn resize(&self, wanted: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted >= *size {
            self.semaphore.add_permits(wanted - *size);
            *size = wanted;
        } else {
            *size -= self.semaphore.forget_permits(*size - wanted);
        }
    }

    /// Waits for a place.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.semaphore.acquire().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_and_go_with_the_room_of_the_engines() {
        let places = EnginePlaces::default();
        let free = || places.semaphore.available_permits();
        places.resize(3);
        assert_eq!(free(), 3);
        let taken = [(); 2].map(|()| places.semaphore.try_acquire().unwrap());
        places.resize(1);
        assert_eq!(free(), 0, "one of the two that are taken is too many");
        drop(taken);
        places.resize(1);
        assert_eq!(free(), 1);
        places.resize(0);
        assert!(places.semaphore.try_acquire().is_err());
    }
}
