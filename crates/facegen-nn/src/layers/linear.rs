use std::sync::Arc;

use candle_core::Tensor;

use super::Activation;
use super::geglu::geglu;
use super::packed::{Packed, PackedWeight};
use crate::cuda;
use crate::host::HostElement;
use crate::kernels::WeightShape;
use crate::{Compute, Result, Weights, host, kernels};

/// A fully connected layer, `x · Wᵀ + b`, on the last axis of its input.
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    output: usize,
    compute: Compute,
}

#[derive(Debug)]
enum Weight {
    Packed(PackedWeight),
    Matrix(cuda::Matrix),
    Transposed {
        matrix: Tensor,
        bias: Option<Tensor>,
    },
}

impl Linear {
    /// Loads `weight` and `bias`.
    ///
    /// # Errors
    /// Fails when one is missing or has another shape.
    pub fn load(weights: &Weights, input: usize, output: usize, compute: &Compute) -> Result<Self> {
        let bias = weights.get("bias", &[output])?;
        Self::of_checkpoint(weights, [output, input], Some(&bias), compute)
    }

    /// Loads `weight`; there is no bias.
    ///
    /// # Errors
    /// Fails when it is missing or has another shape.
    pub fn load_without_bias(
        weights: &Weights,
        input: usize,
        output: usize,
        compute: &Compute,
    ) -> Result<Self> {
        Self::of_checkpoint(weights, [output, input], None, compute)
    }

    fn of_checkpoint(
        weights: &Weights,
        [outputs, inputs]: [usize; 2],
        bias: Option<&Tensor>,
        compute: &Compute,
    ) -> Result<Self> {
        if !compute.is_native() {
            let weight = weights.get("weight", &[outputs, inputs])?;
            return Self::new(&weight, bias, compute);
        }
        let bias = bias.map(|bias| bias.to_dtype(compute.dtype()));
        let bias = bias.transpose()?;
        let shape = WeightShape::Linear { outputs, inputs };
        let packed = PackedWeight::load(weights, shape, bias.as_ref(), compute)?;
        Ok(Self {
            weight: Weight::Packed(packed),
            output: outputs,
            compute: compute.clone(),
        })
    }

    /// Builds a layer of a weight `(output, input)` and a bias `(output)`.
    ///
    /// # Errors
    /// Fails when a tensor cannot be converted.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>, compute: &Compute) -> Result<Self> {
        let (output, _) = weight.dims2()?;
        let weight = weight.to_dtype(compute.dtype())?;
        let bias = bias
            .map(|bias| bias.to_dtype(compute.dtype()))
            .transpose()?;
        let weight = if let Some(gpu) = compute.gpu() {
            Weight::Matrix(cuda::Matrix::new(Arc::clone(gpu), &weight, bias.as_ref())?)
        } else if compute.is_native() {
            Weight::Packed(PackedWeight::linear(&weight, bias.as_ref(), compute)?)
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

    /// Maps `(…, input)` to `(…, output)`.
    ///
    /// # Errors
    /// Fails when the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.forward_fused(input, None, None)
    }

    /// Adds `residual` to the result of [`forward`](Self::forward).
    ///
    /// # Errors
    /// Fails when a shape does not match.
    pub fn forward_residual(&self, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.forward_fused(input, Some(residual), None)
    }

    /// Applies an activation to the result of [`forward`](Self::forward).
    ///
    /// # Errors
    /// Fails when the input has another width.
    pub fn forward_activated(&self, input: &Tensor, activation: Activation) -> Result<Tensor> {
        self.forward_fused(input, None, Some(activation))
    }

    /// Computes diffusers' `GEGLU` of the result of [`forward`](Self::forward): the first half of
    /// each row times the erf gelu of the second. The CPU kernels never write that result.
    ///
    /// # Errors
    /// Fails when the input has another width, or the layer an odd number of outputs.
    pub fn forward_geglu(&self, input: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Packed(PackedWeight::Full(packed)) if kernels::gates_alone(&packed.matrix) => {
                self.geglu_native(packed, input)
            }
            Weight::Packed(PackedWeight::Half(packed)) if kernels::gates_alone(&packed.matrix) => {
                self.geglu_native(packed, input)
            }
            Weight::Packed(_) | Weight::Matrix(_) | Weight::Transposed { .. } => {
                geglu(&self.forward(input)?, &self.compute)
            }
        }
    }

    fn geglu_native<E: HostElement>(&self, packed: &Packed<E>, input: &Tensor) -> Result<Tensor> {
        host::expect_width(input, packed.matrix.inner())?;
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.output / 2;
        }
        let input = host::contiguous::<E>(input)?;
        let bias = packed.bias.as_deref();
        let output = kernels::gemm_geglu(&host::values(&input)?, &packed.matrix, bias);
        host::tensor(output, shape, self.compute.dtype())
    }

    fn forward_fused(
        &self,
        input: &Tensor,
        residual: Option<&Tensor>,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let (matrix, bias) = match &self.weight {
            Weight::Packed(PackedWeight::Full(packed)) => {
                return self.forward_native(packed, input, residual, activation);
            }
            Weight::Packed(PackedWeight::Half(packed)) => {
                return self.forward_native(packed, input, residual, activation);
            }
            Weight::Matrix(matrix) => {
                let output = matrix.forward(input, residual, &self.output_shape(input))?;
                return match activation {
                    Some(activation) => Ok(cuda::activate(matrix.gpu(), &output, activation)?),
                    None => Ok(output),
                };
            }
            Weight::Transposed { matrix, bias } => (matrix, bias),
        };
        let rows = input.flatten_to(input.rank().saturating_sub(2))?;
        let mut output = rows.matmul(matrix)?;
        if let Some(bias) = bias {
            output = output.broadcast_add(bias)?;
        }
        output = output.reshape(self.output_shape(input))?;
        if let Some(residual) = residual {
            output = (output + residual)?;
        }
        activation.map_or(Ok(output.clone()), |activation| {
            activation.forward_candle(&output)
        })
    }

    fn forward_native<E: HostElement>(
        &self,
        packed: &Packed<E>,
        input: &Tensor,
        residual: Option<&Tensor>,
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let shape = self.output_shape(input);
        host::expect_width(input, packed.matrix.inner())?;
        let residual = residual
            .map(|residual| host::of_shape::<E>(residual, &shape))
            .transpose()?;
        let residual = residual.as_ref().map(host::values).transpose()?;
        let epilogue = kernels::Epilogue {
            bias: packed.bias.as_deref(),
            residual: residual.as_deref(),
            activation,
            ..kernels::Epilogue::default()
        };
        let input = host::contiguous::<E>(input)?;
        let output = kernels::gemm(&host::values(&input)?, &packed.matrix, &epilogue);
        host::tensor(output, shape, self.compute.dtype())
    }

    /// Returns the shape of the result for an input.
    fn output_shape(&self, input: &Tensor) -> Vec<usize> {
        let mut shape = input.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.output;
        }
        shape
    }
}
