#![expect(unsafe_code, reason = "owns handles of C libraries")]

use std::fmt;

/// A handle or descriptor of a C library, destroyed when it is dropped.
pub(super) struct Owned<T: Copy> {
    raw: T,
    destroy: unsafe fn(T),
}

// SAFETY: cuDNN and cublasLt allow a handle or descriptor to be used from any thread, one at a
// time; every use is behind the mutex of `Gpu` or of a plan.
unsafe impl<T: Copy> Send for Owned<T> {}

impl<T: Copy> Owned<T> {
    /// Takes over `raw`, which `destroy` frees.
    pub(super) fn new(raw: T, destroy: unsafe fn(T)) -> Self {
        Self { raw, destroy }
    }

    pub(super) fn raw(&self) -> T {
        self.raw
    }
}

impl<T: Copy> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `raw` came from the library's create function and is destroyed only here.
        unsafe { (self.destroy)(self.raw) }
    }
}

impl<T: Copy> fmt::Debug for Owned<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Owned")
    }
}
