#[cfg(feature = "cudnn")]
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "cudnn"),
    expect(dead_code, reason = "only a GPU reads it")
)]
pub(super) enum Argument {
    /// An address in device memory.
    Pointer(u64),
    /// A C `int`.
    Int(i32),
    /// A C `long long`.
    Long(i64),
    /// A C `float`.
    Float(f32),
}

/// One launch of a kernel.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "cudnn"),
    expect(dead_code, reason = "only a GPU reads it")
)]
pub(super) struct Launch {
    /// The name of the entry point.
    pub(super) kernel: &'static str,
    pub(super) grid: [u32; 3],
    pub(super) block: u32,
    /// Bytes of dynamic shared memory.
    pub(super) shared: u32,
    /// Bytes that it reads and writes, for the ledger.
    pub(super) bytes: usize,
    /// Operations of the tensor cores, for the ledger.
    pub(super) operations: usize,
}

/// Locks; a panic of another thread leaves nothing half done in what is locked here.
#[cfg(feature = "cudnn")]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
