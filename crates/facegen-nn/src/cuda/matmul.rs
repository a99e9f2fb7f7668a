#[cfg(feature = "cudnn")]
use std::collections::HashMap;
use std::sync::Arc;
#[cfg(feature = "cudnn")]
use std::sync::Mutex;

use candle_core::{Tensor, bail};

use super::Result;
#[cfg(feature = "cudnn")]
use super::cublas_lt::Plan;
use super::gpu::Gpu;
use super::tensors::{bytes, contiguous_pointer, filled};

/// The weight of a linear layer, `(output, input)` as in the checkpoint, with its bias.
#[derive(Debug)]
pub(crate) struct Matrix {
    gpu: Arc<Gpu>,
    weight: Tensor,
    #[cfg_attr(
        not(feature = "cudnn"),
        expect(dead_code, reason = "only a GPU reads it")
    )]
    bias: Option<Tensor>,
    /// One for each number of rows.
    #[cfg(feature = "cudnn")]
    plans: Mutex<HashMap<usize, Plan>>,
}

/// Addresses of the operands of a product.
#[cfg_attr(
    not(feature = "cudnn"),
    expect(dead_code, reason = "only a GPU reads it")
)]
struct Operands {
    input: u64,
    residual: Option<u64>,
    output: u64,
}

impl Matrix {
    /// Moves both to the GPU.
    pub(crate) fn new(gpu: Arc<Gpu>, weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        Ok(Self {
            weight: gpu.place(weight)?,
            bias: bias.map(|bias| gpu.place(bias)).transpose()?,
            #[cfg(feature = "cudnn")]
            plans: Mutex::default(),
            gpu,
        })
    }

    /// Returns the GPU that has the weight.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Returns `input · Wᵀ + b`, plus `residual`, which has the shape of the result. Sums in f32,
    /// rounds once.
    pub(crate) fn forward(
        &self,
        input: &Tensor,
        residual: Option<&Tensor>,
        shape: &[usize],
    ) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        if input.dims().last() != Some(&inputs) || input.dtype() != self.weight.dtype() {
            bail!("a matrix of {inputs} columns was given {:?}", input.shape());
        }
        if let Some(residual) = residual.filter(|residual| residual.dims() != shape) {
            bail!("a residual {:?} is no {shape:?}", residual.shape());
        }
        let input = input.contiguous()?;
        let rows = input.elem_count() / inputs;
        let moved = 2 * (rows * (inputs + outputs) + inputs * outputs) + residual.map_or(0, bytes);
        let added = residual.map(|residual| contiguous_pointer(&self.gpu, residual));
        let (at, added) = (contiguous_pointer(&self.gpu, &input)?, added.transpose()?);
        filled(&self.gpu, &input, shape, |output| {
            let operations = 2 * rows * inputs * outputs;
            self.gpu.count("cublaslt product", moved, operations);
            self.launch(
                rows,
                &Operands {
                    input: at,
                    residual: added,
                    output,
                },
            )
        })
    }

    #[cfg(feature = "cudnn")]
    fn launch(&self, rows: usize, operands: &Operands) -> Result<()> {
        use std::collections::hash_map::Entry;

        let Some(gpu) = self.gpu.cuda() else {
            return Ok(());
        };
        let mut plans = super::launch::lock(&self.plans);
        let plan = match plans.entry(rows) {
            Entry::Occupied(plan) => plan.into_mut(),
            Entry::Vacant(empty) => {
                let (outputs, inputs) = self.weight.dims2()?;
                let bias = self.bias.as_ref();
                let bias = bias.map(|bias| contiguous_pointer(&self.gpu, bias));
                let sizes = [rows, inputs, outputs];
                empty.insert(Plan::new(
                    gpu,
                    self.weight.dtype(),
                    sizes,
                    bias.transpose()?,
                )?)
            }
        };
        let weight = contiguous_pointer(&self.gpu, &self.weight)?;
        let addresses = [weight, operands.input, operands.output];
        plan.run(gpu, addresses, operands.residual)
    }

    #[cfg(not(feature = "cudnn"))]
    fn launch(&self, _: usize, _: &Operands) -> Result<()> {
        Ok(())
    }
}
