#![expect(unsafe_code, reason = "launches kernels")]

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};

use super::Result;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, contiguous_pointer, filled, kernel};
use crate::fold::fold;

/// Threads of a block, `THREADS` of `cuda/upsample_conv.cu`.
const THREADS: u32 = 256;
/// Pixels of the input and channels of the result of a block.
const TILE: usize = 128;
/// Bytes of shared memory of a block.
const SHARED: u32 = 49_152;
/// Channels come in multiples of this.
const CHANNELS: usize = 8;

/// The weight of a convolution of an enlarged image, `(phase, phase, output, tap, tap, input)`, and
/// its bias: the enlarged image is never written.
#[derive(Debug)]
pub(crate) struct UpsamplingFilter {
    gpu: Arc<Gpu>,
    weight: Tensor,
    bias: Tensor,
}

impl UpsamplingFilter {
    /// Returns whether the kernel takes a weight `(output, input, kernel, kernel)`.
    pub(crate) fn takes(weight: &Tensor) -> bool {
        let fits = |&[output, input, rows, columns]: &[usize; 4]| {
            let channels = output.is_multiple_of(CHANNELS) && input.is_multiple_of(CHANNELS);
            channels && (rows, columns) == (3, 3)
        };
        <&[usize; 4]>::try_from(weight.dims()).is_ok_and(fits)
    }

    /// Folds a weight `(output, input, 3, 3)`, summing in f32, and moves it and the bias to the
    /// GPU.
    pub(crate) fn new(gpu: Arc<Gpu>, weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let bias = match bias {
            Some(bias) => bias.clone(),
            None => Tensor::zeros(weight.dim(0)?, weight.dtype(), &Device::Cpu)?,
        };
        let folded = fold(&weight.to_dtype(DType::F32)?)?.to_dtype(weight.dtype())?;
        Ok(Self {
            weight: gpu.place(&folded)?,
            bias: gpu.place(&bias)?,
            gpu,
        })
    }

    /// Enlarges `(batch, height, width, channels)` twice, taking the nearest pixels, convolves and
    /// adds the bias. Sums in f32, rounds once.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let input = input.contiguous()?;
        let (batch, rows, columns, inputs) = input.dims4()?;
        let (outputs, pixels) = (self.weight.dim(2)?, batch * rows * columns);
        if self.weight.dim(5)? != inputs || input.dtype() != self.weight.dtype() {
            bail!("a filter {:?} was given {input:?}", self.weight.shape());
        }
        let shape = [batch, 2 * rows, 2 * columns, outputs];
        let launch = Launch {
            kernel: kernel(input.dtype(), "upsample_conv_f16", "upsample_conv_bf16")?,
            grid: [
                outputs.div_ceil(TILE) as u32,
                pixels.div_ceil(TILE) as u32,
                4,
            ],
            block: THREADS,
            shared: SHARED,
            bytes: bytes(&input) + bytes(&self.weight) + 2 * shape.iter().product::<usize>(),
            operations: 2 * pixels * self.weight.elem_count(),
        };
        let read = [&input, &self.weight, &self.bias];
        let [source, weight, bias] = read.map(|tensor| contiguous_pointer(&self.gpu, tensor));
        let (source, weight, bias) = (source?, weight?, bias?);
        filled(&self.gpu, &input, &shape[..], |output| {
            let sizes = [pixels, rows, columns, inputs, outputs];
            let sizes = sizes.map(|size| Argument::Int(size as i32));
            let pointers = [source, weight, bias, output].map(Argument::Pointer);
            let arguments = [&pointers[..], &sizes[..]].concat();
            // SAFETY: the arguments are those of the kernel, the tensors alive and of these sizes.
            unsafe { self.gpu.launch(&launch, &arguments) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_vectors_of_three_by_three_pixels_are_taken() {
        let taken = |shape: &[usize]| {
            let weight = Tensor::zeros(shape, DType::F32, &Device::Cpu);
            UpsamplingFilter::takes(&weight.unwrap())
        };
        assert!(taken(&[16, 8, 3, 3]));
        for refused in [[12, 8, 3, 3], [8, 4, 3, 3], [8, 8, 1, 1]] {
            assert!(!taken(&refused), "{refused:?}");
        }
        assert!(!taken(&[8, 8, 3]));
    }
}
