use candle_core::Tensor;
use candle_nn::Module;

use crate::kernels;
use crate::{Compute, Result, Weights, host};

/// Layer normalisation over the last axis; statistics in f32 or better.
#[derive(Debug)]
pub struct LayerNorm {
    eps: f64,
    weight: Weight,
}

#[derive(Debug)]
enum Weight {
    Host { scale: Vec<f32>, shift: Vec<f32> },
    Candle(candle_nn::LayerNorm),
}

impl LayerNorm {
    /// Takes `weight` and `bias`, both `(width)`.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(weights: &Weights, width: usize, eps: f64, compute: &Compute) -> Result<Self> {
        let take = |name: &str| -> Result<Tensor> {
            Ok(weights
                .get(name, &[width])?
                .to_dtype(compute.dtype())?
                .to_device(compute.device())?)
        };
        let (scale, shift) = (take("weight")?, take("bias")?);
        let weight = if compute.is_native() {
            Weight::Host {
                scale: host::to_vec(&scale)?,
                shift: host::to_vec(&shift)?,
            }
        } else {
            Weight::Candle(candle_nn::LayerNorm::new(scale, shift, eps))
        };
        Ok(Self { eps, weight })
    }

    /// The normalised rows, in the shape of the input.
    ///
    /// # Errors
    /// When the input has another width.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Host { scale, shift } => {
                host::expect_width(input, scale.len())?;
                let values = host::contiguous(input)?;
                let mut output = vec![0f32; values.elem_count()];
                kernels::layer_norm(
                    &host::values(&values)?,
                    self.eps as f32,
                    scale,
                    shift,
                    &mut output,
                );
                host::tensor(output, input.dims(), input.dtype())
            }
            Weight::Candle(norm) => Ok(norm.forward(input)?),
        }
    }
}
