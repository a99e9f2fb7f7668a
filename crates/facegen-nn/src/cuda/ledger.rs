use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the layers had a GPU do: counted where it is launched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Kernels of this crate and of candle, and calls of cublasLt and cuDNN. A call of a library
    /// may launch more than one kernel.
    pub launches: u64,
    /// Bytes of the operands and results, each counted once per launch.
    pub bytes: u64,
    /// Tensors and scratch memory allocated from the device's pool.
    pub allocations: u64,
    /// Copies from the host.
    pub uploads: u64,
}

impl Sub for Ledger {
    type Output = Self;

    /// Returns what was added since an earlier state.
    fn sub(self, earlier: Self) -> Self {
        Self {
            launches: self.launches - earlier.launches,
            bytes: self.bytes - earlier.bytes,
            allocations: self.allocations - earlier.allocations,
            uploads: self.uploads - earlier.uploads,
        }
    }
}

/// The running counts of one GPU.
#[derive(Debug, Default)]
pub(super) struct Counters {
    launches: AtomicU64,
    bytes: AtomicU64,
    allocations: AtomicU64,
    uploads: AtomicU64,
}

impl Counters {
    pub(super) fn launches(&self, launches: usize, bytes: usize) {
        self.launches.fetch_add(launches as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn allocation(&self) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn upload(&self) {
        self.uploads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Ledger {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ledger {
            launches: read(&self.launches),
            bytes: read(&self.bytes),
            allocations: read(&self.allocations),
            uploads: read(&self.uploads),
        }
    }
}
