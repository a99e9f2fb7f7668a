use std::sync::Arc;

use candle_core::Tensor;
use candle_nn::Module;
use half::bf16;

use crate::cuda;
use crate::host::HostElement;
use crate::kernels;
use crate::{Compute, Result, Weights, host};

/// Layer normalisation over the last axis; statistics in f32 or better.
#[derive(Debug)]
pub struct LayerNorm {
    eps: f64,
    weight: Weight,
    compute: Compute,
}

#[derive(Debug)]
enum Weight {
    Host {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Candle(candle_nn::LayerNorm),
    Cuda {
        gpu: Arc<cuda::Gpu>,
        scale: Tensor,
        shift: Tensor,
    },
}

impl LayerNorm {
    /// Loads `weight` and `bias`, both `(width)`.
    ///
    /// # Errors
    /// Fails when one is missing or has another shape.
    pub fn load(weights: &Weights, width: usize, eps: f64, compute: &Compute) -> Result<Self> {
        let take = |name: &str| -> Result<Tensor> {
            Ok(weights
                .get(name, &[width])?
                .to_dtype(compute.dtype())?
                .to_device(compute.device())?)
        };
        let (scale, shift) = (take("weight")?, take("bias")?);
        let weight = if let Some(gpu) = compute.gpu() {
            let gpu = Arc::clone(gpu);
            Weight::Cuda { gpu, scale, shift }
        } else if compute.is_native() {
            Weight::Host {
                scale: host::to_vec(&scale)?,
                shift: host::to_vec(&shift)?,
            }
        } else {
            Weight::Candle(candle_nn::LayerNorm::new(scale, shift, eps))
        };
        Ok(Self {
            eps,
            weight,
            compute: compute.clone(),
        })
    }

    /// Normalises the rows; the shape is that of the input.
    ///
    /// # Errors
    /// Fails when the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Host { scale, shift } if self.compute.is_native_half() => {
                self.forward_native::<bf16>(input, scale, shift)
            }
            Weight::Host { scale, shift } => self.forward_native::<f32>(input, scale, shift),
            Weight::Candle(norm) => Ok(norm.forward(input)?),
            Weight::Cuda { gpu, scale, shift } => {
                let eps = self.eps;
                let affine = cuda::Affine { scale, shift, eps };
                Ok(cuda::layer_norm(gpu, input, &affine)?)
            }
        }
    }

    fn forward_native<E: HostElement>(
        &self,
        input: &Tensor,
        scale: &[f32],
        shift: &[f32],
    ) -> Result<Tensor> {
        host::expect_width(input, scale.len())?;
        let values = host::contiguous::<E>(input)?;
        let eps = self.eps as f32;
        let output = kernels::layer_norm::<E>(&host::values(&values)?, eps, scale, shift);
        host::tensor(output, input.dims(), input.dtype())
    }
}
