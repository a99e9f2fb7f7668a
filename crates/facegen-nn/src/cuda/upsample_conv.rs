#![expect(unsafe_code, reason = "launches kernels")]

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};

use super::Result;
use super::gpu::Gpu;
use super::launch::{Argument, Launch};
use super::tensors::{bytes, contiguous_pointer, filled, kernel};

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

/// Sums the weights that see the same pixel once the image is enlarged: `(output, input, 3, 3)` to
/// `(row phase, column phase, output, row tap, column tap, input)`.
fn fold(weight: &Tensor) -> Result<Tensor> {
    let columns = fold_axis(&fold_axis(weight, 2)?, 4)?;
    // Now (output, input, row phase, row tap, column phase, column tap).
    columns.permute((2, 4, 0, 3, 5, 1))?.contiguous()
}

/// Replaces an axis of three weights by two: the phases, even and odd pixels of the result, and
/// the two pixels that each reads.
fn fold_axis(weight: &Tensor, axis: usize) -> Result<Tensor> {
    let at = |index| weight.narrow(axis, index, 1);
    let (before, here, after) = (at(0)?, at(1)?, at(2)?);
    let even = Tensor::cat(&[&before, &(&here + &after)?], axis)?;
    let odd = Tensor::cat(&[&(&before + &here)?, &after], axis)?;
    Tensor::stack(&[even, odd], axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoiseSource;

    fn noise(seed: u32, shape: &[usize]) -> Tensor {
        let values = NoiseSource::new(seed).uniform(shape.iter().product());
        let values: Vec<f32> = values.into_iter().map(|value| value - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Computes a phase as the kernel does: by two by two pixels, from the one
    /// before on for an even row or column, and from the same on for an odd one.
    fn phase(input: &Tensor, folded: &Tensor, row: usize, column: usize) -> Tensor {
        let (_, _, height, width) = input.dims4().unwrap();
        let weight = folded.get(row).unwrap().get(column).unwrap();
        let weight = weight.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let all = input.conv2d(&weight, 1, 1, 1, 1).unwrap();
        let rows = all.narrow(2, row, height).unwrap();
        rows.narrow(3, column, width).unwrap()
    }

    #[test]
    fn the_phases_of_a_folded_weight_are_the_convolution_of_the_enlarged_image() {
        let (height, width) = (5, 4);
        let input = noise(1, &[2, 3, height, width]);
        let weight = noise(2, &[6, 3, 3, 3]);
        let enlarged = input.upsample_nearest2d(2 * height, 2 * width).unwrap();
        let expected = enlarged.conv2d(&weight, 1, 1, 1, 1).unwrap();

        let folded = fold(&weight).unwrap();
        let rows = [0, 1].map(|row| {
            let columns = [0, 1].map(|column| phase(&input, &folded, row, column));
            Tensor::stack(&columns, 4).unwrap()
        });
        let found = Tensor::stack(&rows, 3).unwrap();
        let found = found.reshape(expected.shape()).unwrap();
        let difference = (found - expected).unwrap().abs().unwrap();
        let largest = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(largest < 1e-6, "{largest}");
    }

    #[test]
    fn only_whole_vectors_of_three_by_three_pixels_are_taken() {
        let taken = |shape: &[usize]| UpsamplingFilter::takes(&noise(1, shape));
        assert!(taken(&[16, 8, 3, 3]));
        for refused in [[12, 8, 3, 3], [8, 4, 3, 3], [8, 8, 1, 1]] {
            assert!(!taken(&refused), "{refused:?}");
        }
        assert!(!taken(&[8, 8, 3]));
    }
}
