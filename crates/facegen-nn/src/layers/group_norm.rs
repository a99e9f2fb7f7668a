use std::sync::Arc;

use candle_core::{DType, Tensor};
use candle_nn::Module;
use half::bf16;

use super::Activation;
use crate::cuda;
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
    Host {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Candle(candle_nn::GroupNorm),
    Cuda {
        gpu: Arc<cuda::Gpu>,
        scale: Tensor,
        shift: Tensor,
    },
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
        let weight = if let Some(gpu) = compute.gpu() {
            let gpu = Arc::clone(gpu);
            Weight::Cuda { gpu, scale, shift }
        } else if compute.is_native() {
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
        self.run(input, None, None)
    }

    /// Normalises the feature map and applies silu.
    ///
    /// # Errors
    /// Fails when the input has other channels or another layout.
    pub fn forward_silu(&self, input: &FeatureMap) -> Result<FeatureMap> {
        self.run(input, None, Some(Activation::Silu))
    }

    /// Adds `per_sample` `(batch, channels)` to every pixel, normalises the
    /// feature map and applies silu.
    ///
    /// # Errors
    /// Fails when a shape or layout does not fit.
    pub fn forward_shifted_silu(
        &self,
        input: &FeatureMap,
        per_sample: &Tensor,
    ) -> Result<FeatureMap> {
        self.run(input, Some(per_sample), Some(Activation::Silu))
    }

    /// Returns whether adding a value per sample costs nothing here, and so
    /// does not belong into the convolution before.
    #[must_use]
    pub fn fuses_shift(&self) -> bool {
        matches!(self.weight, Weight::Cuda { .. })
    }

    fn run(
        &self,
        input: &FeatureMap,
        per_sample: Option<&Tensor>,
        activation: Option<Activation>,
    ) -> Result<FeatureMap> {
        if input.channels() != self.channels || input.layout() != self.compute.layout() {
            return Err(NnError::Argument(format!(
                "a group norm of {} channels does not fit",
                self.channels
            )));
        }
        let added = per_sample.filter(|_| !self.fuses_shift());
        let added = added.map(|values| input.add_per_sample(values));
        let added = added.transpose()?;
        let added = added.map(|data| FeatureMap::new(data, &self.compute));
        let input = added.as_ref().unwrap_or(input);
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
            Weight::Cuda { gpu, scale, shift } => {
                let eps = self.eps;
                let affine = cuda::Affine { scale, shift, eps };
                let (data, silu) = (input.data(), activation.is_some());
                cuda::group_norm(gpu, data, per_sample, self.groups, &affine, silu)?
            }
        };
        Ok(FeatureMap::new(data, &self.compute))
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
