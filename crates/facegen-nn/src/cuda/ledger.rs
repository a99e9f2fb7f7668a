use std::collections::BTreeMap;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

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

/// One launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// The kernel of this crate, or the operation of candle or a library.
    pub name: &'static str,
    /// Bytes of the operands and results, each counted once.
    pub bytes: usize,
    /// Multiplications and additions of matrices, which the tensor cores compute.
    pub operations: usize,
}

/// The running counts of one GPU.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// How often each launch was made, where that is recorded.
    works: Option<Mutex<BTreeMap<Work, u64>>>,
    launches: AtomicU64,
    bytes: AtomicU64,
    allocations: AtomicU64,
    uploads: AtomicU64,
}

impl Counters {
    /// Returns counters that also record every launch, which costs time.
    pub(super) fn recording() -> Self {
        Self {
            works: Some(Mutex::default()),
            ..Self::default()
        }
    }

    pub(super) fn launch(&self, work: Work) {
        self.launches.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(work.bytes as u64, Ordering::Relaxed);
        if let Some(works) = &self.works {
            let mut works = works.lock().unwrap_or_else(PoisonError::into_inner);
            *works.entry(work).or_default() += 1;
        }
    }

    /// Returns the recorded launches with how often each was made, and forgets them.
    pub(super) fn take_works(&self) -> Vec<(Work, u64)> {
        let Some(works) = &self.works else {
            return Vec::new();
        };
        let mut works = works.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *works).into_iter().collect()
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
