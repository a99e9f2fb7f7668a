//! How many images the memory of a GPU has room for.

use facegen_core::request::RequestLimits;
use facegen_nn::Compute;

use crate::device;
use crate::load::BaseModel;
use crate::pipeline::BatchAdvice;

/// The most images that gain from sharing a step: by the declared ledger an image moves 5.3 GB
/// alone, 4.1 GB with three others and 3.9 GB with seven, and each waits for all.
const MOST_IMAGES: usize = 4;
/// Rows of an image: with and without the prompt.
const ROWS: usize = 2;
/// Pixels of an image along a side of one of its latents.
const PIXELS: usize = 8;
/// The part of free memory that is left alone, of ten: other programs, and libraries that allocate
/// for themselves.
const LEFT_ALONE: usize = 1;

/// What images take of the memory.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// Bytes of a step for each pixel of its images.
    step: usize,
    /// Bytes of the decode that runs between two steps.
    decode: usize,
}

impl Demand {
    /// Returns that of the base model that takes the most, with the largest image for a decode.
    fn of<'a>(models: impl Iterator<Item = &'a BaseModel>, limits: &RequestLimits) -> Self {
        let none = Self { step: 0, decode: 0 };
        models.fold(none, |most, model| {
            let step = ROWS * model.unet.bytes_of_latent() / (PIXELS * PIXELS);
            let decode = model.vae.bytes_of_pixel() * limits.size.max_area() as usize;
            Self {
                step: most.step.max(step),
                decode: most.decode.max(decode),
            }
        })
    }

    /// Returns the advice for so many free bytes.
    fn advice(self, free: usize) -> BatchAdvice {
        let room = free / 10 * (10 - LEFT_ALONE);
        let pixels = room.saturating_sub(self.decode) / self.step.max(1);
        BatchAdvice {
            images: MOST_IMAGES,
            pixels: Some(pixels),
        }
    }
}

/// Advises how many images should share a step of these models, once they are loaded.
pub(super) fn batch_advice<'a>(
    compute: &Compute,
    models: impl Iterator<Item = &'a BaseModel>,
    limits: &RequestLimits,
) -> BatchAdvice {
    // candle's operations launch and move for four images what they do for four alone.
    if !compute.has_cuda_kernels() {
        return BatchAdvice::ONE;
    }
    let Some(Ok((free, _))) = device::memory(compute.device()) else {
        return BatchAdvice::ONE;
    };
    let advice = Demand::of(models, limits).advice(free);
    tracing::info!(
        free_megabytes = free / 1_000_000,
        images = advice.images,
        pixels = advice.pixels,
        "batch size chosen by the memory of the device"
    );
    advice
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Stable Diffusion 1.5 in f16.
    const DEMAND: Demand = Demand {
        step: 520,
        decode: 604_000_000,
    };
    const IMAGE: usize = 512 * 512;

    fn images(free: usize) -> usize {
        DEMAND.advice(free).pixels.unwrap() / IMAGE
    }

    #[test]
    fn the_room_is_what_the_largest_decode_leaves() {
        assert_eq!(DEMAND.advice(140_000_000_000).images, 4);
        assert!(images(140_000_000_000) > 8);
        // 1.8 GB without a tenth and the decode are 1.0 GB, and an image takes 136 MB.
        assert_eq!(images(1_800_000_000), 7);
        assert_eq!(images(900_000_000), 1);
        assert_eq!(images(600_000_000), 0);
        assert_eq!(images(0), 0);
    }

    #[test]
    fn a_cpu_computes_one_image() {
        let compute = Compute::new(Device::Cpu, DType::F32);
        let limits = RequestLimits::default();
        let advice = batch_advice(&compute, std::iter::empty(), &limits);
        assert_eq!(advice, BatchAdvice::ONE);
    }
}
