#[cfg(feature = "cudnn")]
use std::collections::HashMap;
use std::sync::Arc;
#[cfg(feature = "cudnn")]
use std::sync::Mutex;

use candle_core::{Device, Tensor, bail};

use super::Result;
use super::conv_call::{ConvShape, Operands};
#[cfg(feature = "cudnn")]
use super::cudnn::Plan;
use super::gpu::Gpu;
use super::tensors::{bytes, contiguous_pointer, filled, pointer};

/// Channels come in multiples of this, so that cuDNN uses the tensor cores.
const CHANNELS: usize = 8;

/// The weight of a convolution, `(output, kernel, kernel, input)`, and its bias. Both numbers of
/// channels are filled up with zeros to a multiple of eight.
#[derive(Debug)]
pub(crate) struct Filter {
    gpu: Arc<Gpu>,
    weight: Tensor,
    bias: Tensor,
    out_channels: usize,
    stride: usize,
    padding: usize,
    /// One for each shape of the input.
    #[cfg(feature = "cudnn")]
    plans: Mutex<HashMap<[usize; 4], Plan>>,
}

impl Filter {
    /// Moves a weight `(output, input, kernel, kernel)` and a bias to the GPU.
    pub(crate) fn new(
        gpu: Arc<Gpu>,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        let (out_channels, _, _, _) = weight.dims4()?;
        let weight = fill_up(&fill_up(weight, 0)?, 1)?.permute((0, 2, 3, 1))?;
        let bias = match bias {
            Some(bias) => bias.clone(),
            None => Tensor::zeros(out_channels, weight.dtype(), &Device::Cpu)?,
        };
        Ok(Self {
            weight: gpu.place(&weight)?,
            bias: gpu.place(&fill_up(&bias, 0)?)?,
            gpu,
            out_channels,
            stride,
            padding,
            #[cfg(feature = "cudnn")]
            plans: Mutex::default(),
        })
    }

    /// Convolves `(batch, height, width, channels)`, adds the bias and `residual`, which has the
    /// shape of the result. Sums in f32, rounds once.
    pub(crate) fn forward(&self, input: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let channels = input.dim(3)?;
        let input = fill_up(input, 3)?.contiguous()?;
        if input.dim(3)? != channels {
            // Zeros, and both written one after the other; the result is memory, too.
            for _ in 0..2 {
                self.gpu.counters().allocation();
            }
            for _ in 0..3 {
                self.gpu.count("candle pad", bytes(&input), 0);
            }
        }
        let shape = self.shape(&input)?;
        if let Some(residual) = residual.filter(|residual| residual.dims() != shape.output) {
            bail!("a residual {:?} is no {:?}", residual.shape(), shape.output);
        }
        let added = residual.map(|residual| contiguous_pointer(&self.gpu, residual));
        let (at, added) = (contiguous_pointer(&self.gpu, &input)?, added.transpose()?);
        let written = 2 * shape.output.iter().product::<usize>();
        let moved = bytes(&input) + bytes(&self.weight) + written + residual.map_or(0, bytes);
        let output = filled(&self.gpu, &input, &shape.output[..], |output| {
            self.gpu
                .count("cudnn convolution", moved, shape.operations());
            let operands = Operands {
                input: at,
                weight: pointer(&self.gpu, &self.weight)?,
                bias: contiguous_pointer(&self.gpu, &self.bias)?,
                residual: added,
                output,
            };
            self.launch(&shape, &operands)
        })?;
        if self.out_channels == shape.output[3] {
            return Ok(output);
        }
        self.gpu.count_strided("candle copy", written);
        output.narrow(3, 0, self.out_channels)?.contiguous()
    }

    fn shape(&self, input: &Tensor) -> Result<ConvShape> {
        let (out_channels, kernel, _, in_channels) = self.weight.dims4()?;
        let (batch, rows, columns, found) = input.dims4()?;
        if found != in_channels || input.dtype() != self.weight.dtype() {
            bail!(
                "a filter of {in_channels} channels was given {:?}",
                input.shape()
            );
        }
        let size = |size: usize| (size + 2 * self.padding - kernel) / self.stride + 1;
        Ok(ConvShape {
            input: [batch, rows, columns, in_channels],
            output: [batch, size(rows), size(columns), out_channels],
            kernel,
            stride: self.stride,
            padding: self.padding,
        })
    }

    #[cfg(feature = "cudnn")]
    fn launch(&self, shape: &ConvShape, operands: &Operands) -> Result<()> {
        use std::collections::hash_map::Entry;

        let Some(gpu) = self.gpu.cuda() else {
            return Ok(());
        };
        let mut plans = super::launch::lock(&self.plans);
        let plan = match plans.entry(shape.input) {
            Entry::Occupied(plan) => plan.into_mut(),
            Entry::Vacant(empty) => empty.insert(Plan::new(gpu, self.weight.dtype(), shape)?),
        };
        plan.run(gpu, operands)
    }

    #[cfg(not(feature = "cudnn"))]
    fn launch(&self, _: &ConvShape, _: &Operands) -> Result<()> {
        Ok(())
    }
}

/// Appends zeros along an axis up to a multiple of [`CHANNELS`].
fn fill_up(tensor: &Tensor, axis: usize) -> Result<Tensor> {
    let size = tensor.dim(axis)?;
    match size.next_multiple_of(CHANNELS) - size {
        0 => Ok(tensor.clone()),
        missing => tensor.pad_with_zeros(axis, 0, missing),
    }
}
