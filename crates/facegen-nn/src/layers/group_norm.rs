use candle_core::{DType, Tensor};
use candle_nn::Module;
use half::bf16;

use super::Activation;
use crate::host::HostElement;
use crate::kernels::{self, GroupNormShape};
use crate::{Compute, FeatureMap, NnError, Result, Weights, host};

/// Group normalisation (Wu and He, 2018) over the channels of a feature map;
/// statistics in f32 or better.
#[derive(Debug)]
pub struct GroupNorm {
    channels: usize,
    groups: usize,
    eps: f64,
    weight: Weight,
    compute: Compute,
}

#[derive(Debug)]
enum Weight {
    Host { scale: Vec<f32>, shift: Vec<f32> },
    Candle(candle_nn::GroupNorm),
}

impl GroupNorm {
    /// Loads `weight` and `bias`, both `(channels)`.
    ///
    /// # Errors
    /// Fails when one is missing or has another shape, or the groups do not
    /// divide the channels.
    pub fn load(
        weights: &Weights,
        groups: usize,
        channels: usize,
        eps: f64,
        compute: &Compute,
    ) -> Result<Self> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(NnError::Config(format!(
                "{groups} groups do not divide {channels} channels"
            )));
        }
        let take = |name: &str| -> Result<Tensor> {
            Ok(weights
                .get(name, &[channels])?
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
            let wide = |tensor: Tensor| tensor.to_dtype(DType::F32);
            Weight::Candle(candle_nn::GroupNorm::new(
                wide(scale)?,
                wide(shift)?,
                channels,
                groups,
                eps,
            )?)
        };
        Ok(Self {
            channels,
            groups,
            eps,
            weight,
            compute: compute.clone(),
        })
    }

    /// Normalises the feature map.
    ///
    /// # Errors
    /// Fails when the input has other channels or another layout.
    pub fn forward(&self, input: &FeatureMap) -> Result<FeatureMap> {
        self.run(input, None)
    }

    /// Normalises the feature map and applies silu.
    ///
    /// # Errors
    /// Fails when the input has other channels or another layout.
    pub fn forward_silu(&self, input: &FeatureMap) -> Result<FeatureMap> {
        self.run(input, Some(Activation::Silu))
    }

    fn run(&self, input: &FeatureMap, activation: Option<Activation>) -> Result<FeatureMap> {
        if input.channels() != self.channels || input.layout() != self.compute.layout() {
            return Err(NnError::Argument(format!(
                "a group norm of {} channels does not fit",
                self.channels
            )));
        }
        let data = match &self.weight {
            Weight::Host { scale, shift } if self.compute.is_native_half() => {
                self.run_native::<bf16>(input, (scale, shift), activation)?
            }
            Weight::Host { scale, shift } => {
                self.run_native::<f32>(input, (scale, shift), activation)?
            }
            Weight::Candle(norm) => {
                // candle would round to f16 both before and after it scales and
                // shifts.
                let normed = norm.forward(&input.data().to_dtype(DType::F32)?)?;
                let activated = activation.map_or(Ok(normed.clone()), |activation| {
                    activation.forward_candle(&normed)
                })?;
                activated.to_dtype(input.dtype())?
            }
        };
        Ok(FeatureMap::from_layout(data, input.layout()))
    }

    fn run_native<E: HostElement>(
        &self,
        input: &FeatureMap,
        (scale, shift): (&[f32], &[f32]),
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let shape = GroupNormShape {
            batch: input.batch(),
            pixels: input.height() * input.width(),
            channels: self.channels,
            groups: self.groups,
        };
        let values = host::contiguous::<E>(input.data())?;
        let values = host::values(&values)?;
        let eps = self.eps as f32;
        let output = kernels::group_norm_nhwc::<E>(&values, &shape, eps, scale, shift, activation);
        host::tensor(output, input.data().dims(), input.dtype())
    }
}
