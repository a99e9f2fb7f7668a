use candle_core::Tensor;

use super::Activation;
use crate::kernels::{self, PackedMatrix};
use crate::{Compute, Result, Weights, host};

/// A fully connected layer, `x · Wᵀ + b`, on the last axis of its input.
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    output: usize,
    compute: Compute,
}

#[derive(Debug)]
enum Weight {
    Packed {
        matrix: PackedMatrix,
        bias: Option<Vec<f32>>,
    },
    Transposed {
        matrix: Tensor,
        bias: Option<Tensor>,
    },
}

impl Linear {
    /// Takes `weight` and `bias`.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(weights: &Weights, input: usize, output: usize, compute: &Compute) -> Result<Self> {
        let bias = weights.get("bias", &[output])?;
        Self::new(
            &weights.get("weight", &[output, input])?,
            Some(&bias),
            compute,
        )
    }

    /// Takes `weight`; there is no bias.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn load_without_bias(
        weights: &Weights,
        input: usize,
        output: usize,
        compute: &Compute,
    ) -> Result<Self> {
        Self::new(&weights.get("weight", &[output, input])?, None, compute)
    }

    /// A layer of a weight `(output, input)` and a bias `(output)`.
    ///
    /// # Errors
    /// When a tensor cannot be converted.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>, compute: &Compute) -> Result<Self> {
        let (output, input) = weight.dims2()?;
        let weight = weight.to_dtype(compute.dtype())?;
        let bias = bias
            .map(|bias| bias.to_dtype(compute.dtype()))
            .transpose()?;
        let weight = if compute.is_native() {
            let values = host::contiguous(&weight)?;
            let matrix = PackedMatrix::from_linear(&host::values(&values)?, output, input);
            Weight::Packed {
                matrix,
                bias: bias.as_ref().map(host::to_vec).transpose()?,
            }
        } else {
            let matrix = weight.t()?.contiguous()?.to_device(compute.device())?;
            let bias = bias
                .map(|bias| bias.to_device(compute.device()))
                .transpose()?;
            Weight::Transposed { matrix, bias }
        };
        Ok(Self {
            weight,
            output,
            compute: compute.clone(),
        })
    }

    /// `(…, input)` to `(…, output)`.
    ///
    /// # Errors
    /// When the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.forward_fused(input, None, None)
    }

    /// [`forward`](Self::forward), then `residual` added.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward_residual(&self, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.forward_fused(input, Some(residual), None)
    }

    /// [`forward`](Self::forward), then an activation.
    ///
    /// # Errors
    /// When the input has another width.
    pub fn forward_activated(&self, input: &Tensor, activation: Activation) -> Result<Tensor> {
        self.forward_fused(input, None, Some(activation))
    }

    fn forward_fused(
        &self,
        input: &Tensor,
        residual: Option<&Tensor>,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.output;
        }
        match &self.weight {
            Weight::Packed { matrix, bias } => {
                host::expect_width(input, matrix.inner())?;
                let residual = residual
                    .map(|residual| host::of_shape(residual, &shape))
                    .transpose()?;
                let residual = residual.as_ref().map(host::values).transpose()?;
                let epilogue = kernels::Epilogue {
                    bias: bias.as_deref(),
                    residual: residual.as_deref(),
                    activation,
                    ..kernels::Epilogue::default()
                };
                let input = host::contiguous(input)?;
                let mut output = vec![0f32; shape.iter().product()];
                kernels::gemm(&host::values(&input)?, matrix, &epilogue, &mut output);
                host::tensor(output, shape, self.compute.dtype())
            }
            Weight::Transposed { matrix, bias } => {
                let rows = input.flatten_to(input.rank().saturating_sub(2))?;
                let mut output = rows.matmul(matrix)?;
                if let Some(bias) = bias {
                    output = output.broadcast_add(bias)?;
                }
                output = output.reshape(shape)?;
                if let Some(residual) = residual {
                    output = (output + residual)?;
                }
                activation.map_or(Ok(output.clone()), |activation| {
                    activation.forward_candle(&output)
                })
            }
        }
    }
}
