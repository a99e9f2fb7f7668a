//! The memory of a GPU.

use anyhow::Result;
use candle_core::Device;

/// Returns the most bytes of the device in use while `work` runs, by any
/// program; nothing on the CPU.
#[cfg(feature = "cuda")]
pub(crate) fn most_in_use(device: &Device, work: impl Fn() -> Result<()>) -> Result<Option<usize>> {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    let Device::Cuda(cuda) = device else {
        return work().map(|()| None);
    };
    let context = cuda.cuda_stream().context().clone();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !is_done.load(Ordering::Relaxed) {
                let (free, total) = context.mem_get_info().unwrap_or_default();
                most = most.max(total - free);
                thread::yield_now();
            }
            most
        });
        let result = work();
        is_done.store(true, Ordering::Relaxed);
        let most = watch.join().unwrap_or_default();
        result.map(|()| Some(most))
    })
}

/// Returns nothing: there is no GPU.
#[cfg(not(feature = "cuda"))]
pub(crate) fn most_in_use(
    _device: &Device,
    work: impl Fn() -> Result<()>,
) -> Result<Option<usize>> {
    work().map(|()| None)
}
