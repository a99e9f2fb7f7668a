//! The region that a profiler of NVIDIA records, as with
//! `nsys profile --capture-range=cudaProfilerApi`.

use anyhow::Result;
use candle_core::Device;

/// Does some work within the region.
#[cfg(feature = "cuda")]
pub(crate) fn recorded<T>(device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    use candle_core::cuda_backend::cudarc::driver::{profiler_start, profiler_stop};

    if !device.is_cuda() {
        return work();
    }
    profiler_start()?;
    let result = work();
    profiler_stop()?;
    result
}

/// Does some work: there is no GPU.
#[cfg(not(feature = "cuda"))]
pub(crate) fn recorded<T>(_device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    work()
}
