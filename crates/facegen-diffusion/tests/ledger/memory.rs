use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

/// Tensors of a declared GPU are on the host, with the sizes of the device.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static LOCK: Mutex<()> = Mutex::new(());

/// Keeps the other tests of this program from taking memory.
pub(super) struct Alone {
    _guard: MutexGuard<'static, ()>,
}

impl Alone {
    pub(super) fn wait() -> Self {
        Self {
            _guard: LOCK.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Returns the result and the most bytes that were in use at once, without
/// those from before.
pub(super) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage() - before)
}
