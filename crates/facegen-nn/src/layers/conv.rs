mod config;
mod folded;
mod plain;

use std::sync::Arc;

use candle_core::Tensor;

use self::config::Enlarges;
use self::folded::FoldedWeight;
use self::plain::PlainWeight;
use super::Activation;
use super::packed::{Packed, PackedWeight};
use crate::cuda;
use crate::host::HostElement;
use crate::kernels::{self, ConvShape, WeightShape};
use crate::{Compute, FeatureMap, NnError, Result, Weights, host};

pub use self::config::Conv2dConfig;

/// Operations fused into a convolution, applied in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// `(batch, channels)`, added to every pixel: the time embedding.
    pub per_sample: Option<&'a Tensor>,
    /// Added pixel by pixel: the shortcut of a residual block.
    pub residual: Option<&'a FeatureMap>,
    /// Applied last.
    pub activation: Option<Activation>,
}

/// A convolution whose weights are packed at load.
#[derive(Debug)]
pub struct Conv2d {
    config: Conv2dConfig,
    weight: Weight,
    compute: Compute,
}

#[derive(Debug)]
enum Weight {
    Packed(PackedWeight),
    /// Of images that are enlarged; those that are not exactly twice as large take the weights
    /// themselves.
    Folded {
        sums: Box<FoldedWeight>,
        whole: Option<PackedWeight>,
    },
    Plain(PlainWeight),
    Filter(cuda::Filter),
    Upsampling(cuda::UpsamplingFilter),
    /// Of a kernel of one pixel, which is a product of matrices.
    Matrix(cuda::Matrix),
}

impl Conv2d {
    /// Loads `weight` `(out, in, kernel, kernel)` and, if there is one, `bias`
    /// `(out)`.
    ///
    /// # Errors
    /// Fails when a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &Conv2dConfig, compute: &Compute) -> Result<Self> {
        let Conv2dConfig {
            in_channels,
            out_channels,
            kernel,
            bias,
            ..
        } = *config;
        let shape = WeightShape::Conv {
            outputs: out_channels,
            inputs: in_channels,
            kernel,
        };
        let bias = bias
            .then(|| weights.get("bias", &[out_channels]))
            .transpose()?;
        let bias = bias
            .map(|bias| bias.to_dtype(compute.dtype()))
            .transpose()?;
        let plain = || -> Result<Tensor> {
            Ok(weights
                .get("weight", &shape.axes())?
                .to_dtype(compute.dtype())?)
        };
        let weight = if let Some(gpu) = compute.gpu() {
            let (gpu, weight) = (Arc::clone(gpu), plain()?);
            if (kernel, config.stride, config.padding) == (1, 1, 0) {
                let matrix = weight.reshape((out_channels, in_channels))?;
                Weight::Matrix(cuda::Matrix::new(gpu, &matrix, bias.as_ref())?)
            } else if config.folds()
                && config.enlarges == Enlarges::Twice
                && cuda::UpsamplingFilter::takes(&weight)
            {
                Weight::Upsampling(cuda::UpsamplingFilter::new(gpu, &weight, bias.as_ref())?)
            } else {
                let (stride, padding) = (config.stride, config.padding);
                let bias = bias.as_ref();
                Weight::Filter(cuda::Filter::new(gpu, &weight, bias, stride, padding)?)
            }
        } else if compute.is_native() {
            let whole = || PackedWeight::load(weights, shape, bias.as_ref(), compute);
            if config.enlarges == Enlarges::Nothing || !config.folds() {
                Weight::Packed(whole()?)
            } else {
                let sums = FoldedWeight::load(weights, config, bias.as_ref(), compute)?;
                let not_always_twice = config.enlarges == Enlarges::AboutTwice;
                Weight::Folded {
                    sums: Box::new(sums),
                    whole: not_always_twice.then(whole).transpose()?,
                }
            }
        } else {
            Weight::Plain(PlainWeight::new(&plain()?, bias, compute)?)
        };
        Ok(Self {
            config: *config,
            weight,
            compute: compute.clone(),
        })
    }

    /// Convolves `(batch, in, height, width)` to `(batch, out, …)`.
    ///
    /// # Errors
    /// Fails when the input has other channels or another layout.
    pub fn forward(&self, input: &FeatureMap) -> Result<FeatureMap> {
        self.forward_fused(input, &Epilogue::default())
    }

    /// Convolves, applying `epilogue` while the result is written.
    ///
    /// # Errors
    /// Fails when a shape or layout does not fit.
    pub fn forward_fused(&self, input: &FeatureMap, epilogue: &Epilogue<'_>) -> Result<FeatureMap> {
        self.check(input)?;
        match &self.weight {
            Weight::Packed(weight)
            | Weight::Folded {
                whole: Some(weight),
                ..
            } => self.run_packed(input, weight, epilogue),
            Weight::Plain(weight) => self.run_candle(input, weight, epilogue),
            Weight::Folded { whole: None, .. } | Weight::Upsampling(_) => Err(NnError::Argument(
                "a convolution of enlarged images was given one to be convolved as it is".into(),
            )),
            Weight::Filter(filter) => {
                self.run_cuda(epilogue, |residual| filter.forward(input.data(), residual))
            }
            Weight::Matrix(matrix) => self.run_cuda(epilogue, |residual| {
                let channels = self.config.out_channels;
                let shape = [input.batch(), input.height(), input.width(), channels];
                matrix.forward(input.data(), residual, &shape)
            }),
        }
    }

    /// Enlarges by repeating the nearest pixels, then convolves: diffusers'
    /// `Upsample2D`. The size is twice the input's, or one less.
    ///
    /// # Errors
    /// Fails when the input has other channels or another layout.
    pub fn forward_upsampled(
        &self,
        input: &FeatureMap,
        height: usize,
        width: usize,
    ) -> Result<FeatureMap> {
        let is_twice = (height, width) == (2 * input.height(), 2 * input.width());
        if is_twice && let Weight::Folded { sums, .. } = &self.weight {
            self.check(input)?;
            return sums.forward(input, &self.compute);
        }
        if is_twice && let Weight::Upsampling(filter) = &self.weight {
            self.check(input)?;
            return self.run_cuda(&Epilogue::default(), |_| filter.forward(input.data()));
        }
        self.forward(&input.upsample_nearest(height, width)?)
    }

    fn check(&self, input: &FeatureMap) -> Result<()> {
        let (expected, found) = (self.config.in_channels, input.channels());
        if found == expected && input.layout() == self.compute.layout() {
            return Ok(());
        }
        Err(NnError::Argument(format!(
            "a convolution of {expected} channels in {:?} was given {found} in {:?}",
            self.compute.layout(),
            input.layout(),
        )))
    }

    fn run_packed(
        &self,
        input: &FeatureMap,
        weight: &PackedWeight,
        epilogue: &Epilogue<'_>,
    ) -> Result<FeatureMap> {
        match weight {
            PackedWeight::Full(packed) => self.run_native(input, packed, epilogue),
            PackedWeight::Half(packed) => self.run_native(input, packed, epilogue),
        }
    }

    fn run_native<E: HostElement>(
        &self,
        input: &FeatureMap,
        packed: &Packed<E>,
        epilogue: &Epilogue<'_>,
    ) -> Result<FeatureMap> {
        let shape = ConvShape {
            batch: input.batch(),
            height: input.height(),
            width: input.width(),
            in_channels: self.config.in_channels,
            kernel: self.config.kernel,
            stride: self.config.stride,
            padding: self.config.padding,
        };
        let channels = self.config.out_channels;
        let out_shape = [shape.batch, shape.out_height(), shape.out_width(), channels];
        let per_sample = epilogue
            .per_sample
            .map(|values| host::of_shape::<f32>(values, &[shape.batch, channels]));
        let per_sample = per_sample.transpose()?;
        let per_sample = per_sample.as_ref().map(host::values).transpose()?;
        let residual = epilogue
            .residual
            .map(|map| host::of_shape::<E>(map.data(), &out_shape))
            .transpose()?;
        let residual = residual.as_ref().map(host::values).transpose()?;
        let epilogue = kernels::Epilogue {
            bias: packed.bias.as_deref(),
            per_sample: per_sample.as_deref(),
            residual: residual.as_deref(),
            activation: epilogue.activation,
        };
        let values = host::contiguous::<E>(input.data())?;
        let values = host::values(&values)?;
        let output = kernels::conv2d_nhwc(&values, &shape, &packed.matrix, &epilogue);
        let data = host::tensor(output, &out_shape[..], self.compute.dtype())?;
        Ok(FeatureMap::new(data, &self.compute))
    }

    /// Runs a convolution that fuses the bias and the residual.
    fn run_cuda(
        &self,
        epilogue: &Epilogue<'_>,
        convolve: impl FnOnce(Option<&Tensor>) -> candle_core::Result<Tensor>,
    ) -> Result<FeatureMap> {
        if epilogue.per_sample.is_some() || epilogue.activation.is_some() {
            return Err(NnError::Argument(
                "a convolution on cuda fuses only a residual".into(),
            ));
        }
        let data = convolve(epilogue.residual.map(FeatureMap::data))?;
        Ok(FeatureMap::new(data, &self.compute))
    }

    fn run_candle(
        &self,
        input: &FeatureMap,
        weight: &PlainWeight,
        epilogue: &Epilogue<'_>,
    ) -> Result<FeatureMap> {
        let Conv2dConfig {
            padding, stride, ..
        } = self.config;
        let output = weight.convolve(input.data(), padding, stride)?;
        let mut output = FeatureMap::new(output, &self.compute);
        if let Some(values) = epilogue.per_sample {
            output = FeatureMap::new(output.add_per_sample(values)?, &self.compute);
        }
        if let Some(residual) = epilogue.residual {
            output = FeatureMap::new((output.data() + residual.data())?, &self.compute);
        }
        match epilogue.activation {
            Some(activation) => Ok(FeatureMap::new(
                activation.forward_candle(output.data())?,
                &self.compute,
            )),
            None => Ok(output),
        }
    }
}
