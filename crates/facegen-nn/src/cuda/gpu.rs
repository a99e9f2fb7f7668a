#![expect(unsafe_code, reason = "launches kernels")]

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::Result;
#[cfg(feature = "cudnn")]
use super::device::CudaGpu;
use super::launch::{Argument, Launch};
use super::ledger::{Counters, Ledger, Work};

/// A GPU with all that the layers launch on it.
#[derive(Debug)]
pub(crate) struct Gpu {
    driver: Driver,
    counters: Counters,
}

#[derive(Debug)]
enum Driver {
    /// Computes nothing: results are zeros on the CPU, and only the ledger is kept.
    Declared,
    #[cfg(feature = "cudnn")]
    Cuda(CudaGpu),
}

impl Gpu {
    /// Returns a GPU that keeps a ledger and computes nothing.
    pub(crate) fn declared() -> Arc<Self> {
        Arc::new(Self {
            driver: Driver::Declared,
            counters: Counters::recording(),
        })
    }

    /// Opens the GPU behind candle's device.
    ///
    /// # Errors
    /// Fails when the device is no NVIDIA GPU, or a library cannot be used.
    #[cfg(feature = "cudnn")]
    pub(crate) fn open(device: &Device) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            driver: Driver::Cuda(CudaGpu::open(device.as_cuda_device()?)?),
            counters: Counters::default(),
        }))
    }

    /// Fails: the program was built without the kernels.
    #[cfg(not(feature = "cudnn"))]
    pub(crate) fn open(_: &Device) -> Result<Arc<Self>> {
        candle_core::bail!("the program was built without the feature cudnn")
    }

    /// Returns what was launched so far.
    pub(crate) fn ledger(&self) -> Ledger {
        self.counters.read()
    }

    /// Returns the launches of a GPU that computes nothing, and forgets them.
    pub(crate) fn take_works(&self) -> Vec<(Work, u64)> {
        self.counters.take_works()
    }

    /// Counts an operation of candle or of a library.
    pub(crate) fn count(&self, name: &'static str, bytes: usize, operations: usize) {
        self.counters.launch(Work {
            name,
            bytes,
            operations,
        });
    }

    /// Counts a copy from the host by candle, into memory of its own.
    pub(crate) fn count_upload(&self) {
        self.counters.allocation();
        self.counters.upload();
    }

    /// Counts an operation of candle with a result of its own, of which candle uploads the sizes and
    /// strides first.
    pub(crate) fn count_strided(&self, name: &'static str, bytes: usize) {
        self.count_upload();
        self.counters.allocation();
        self.count(name, bytes, 0);
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns whether it computes nothing.
    pub(super) fn is_declared(&self) -> bool {
        matches!(self.driver, Driver::Declared)
    }

    /// Returns the device that computes, if one does.
    #[cfg(feature = "cudnn")]
    pub(super) fn cuda(&self) -> Option<&CudaGpu> {
        match &self.driver {
            Driver::Declared => None,
            Driver::Cuda(gpu) => Some(gpu),
        }
    }

    /// Moves a weight to where it is computed.
    pub(super) fn place(&self, weight: &Tensor) -> Result<Tensor> {
        match &self.driver {
            Driver::Declared => Ok(weight.clone()),
            #[cfg(feature = "cudnn")]
            Driver::Cuda(gpu) => weight
                .contiguous()?
                .to_device(&Device::Cuda(gpu.device().clone())),
        }
    }

    /// Launches one of this crate's kernels.
    ///
    /// # Safety
    /// The arguments must be those of the entry point, and its pointers valid for what it reads
    /// and writes.
    pub(super) unsafe fn launch(&self, launch: &Launch, arguments: &[Argument]) -> Result<()> {
        self.count(launch.kernel, launch.bytes, launch.operations);
        match &self.driver {
            Driver::Declared => debug_assert!(!arguments.is_empty()),
            #[cfg(feature = "cudnn")]
            // SAFETY: the caller's promise.
            Driver::Cuda(gpu) => unsafe { gpu.launch(launch, arguments) }?,
        }
        Ok(())
    }
}
