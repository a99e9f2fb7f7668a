//! How many pictures share a call of the UNet.

use facegen_core::BackendError;

/// How many pictures share a call of the UNet at most.
#[derive(Debug)]
pub(super) struct BatchLimit(usize);

impl Default for BatchLimit {
    /// One: a CPU is no faster with more.
    fn default() -> Self {
        Self(1)
    }
}

impl BatchLimit {
    /// So many, but at least one.
    pub(super) fn new(pictures: usize) -> Self {
        Self(pictures.max(1))
    }

    pub(super) fn get(&self) -> usize {
        self.0
    }

    /// Halves what a batch of so many pictures was too much for; false when
    /// that cannot help. The limit stays: the next batch would fail as well.
    pub(super) fn shrink(&mut self, error: &BackendError, pictures: usize) -> bool {
        if *error != BackendError::OutOfMemory || pictures < 2 {
            return false;
        }
        self.0 = pictures / 2;
        tracing::warn!(
            pictures,
            limit = self.0,
            "the memory is too small for so many pictures at once, fewer are tried"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_memory_is_too_small_for_is_halved_down_to_one() {
        let mut limit = BatchLimit::new(5);
        for smaller in [2, 1] {
            let pictures = limit.get();
            assert!(limit.shrink(&BackendError::OutOfMemory, pictures));
            assert_eq!(limit.get(), smaller);
        }
        assert!(!limit.shrink(&BackendError::OutOfMemory, 1));
        assert_eq!(limit.get(), 1);
    }

    #[test]
    fn other_failures_leave_the_limit_alone() {
        let mut limit = BatchLimit::new(4);
        assert!(!limit.shrink(&BackendError::NotFinite, 4));
        assert!(!limit.shrink(&BackendError::Failed("x".into()), 4));
        assert_eq!((limit.get(), BatchLimit::new(0).get()), (4, 1));
    }
}
