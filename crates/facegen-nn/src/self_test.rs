//! Compares the layers of a [`Compute`] with f32 on the CPU, on small inputs.
//!
//! Kernels and libraries of a GPU depend on its driver and on its versions;
//! what they compute is seen before an image is.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::cuda::Gpu;
use crate::layers::{
    Attention, Conv2d, Conv2dConfig, DecoupledRow, DecoupledTable, Epilogue, GroupNorm, KeyValue,
    LayerNorm, Linear, LinearGroup, geglu,
};
use crate::weights::TensorSource;
use crate::{Compute, FeatureMap, NnError, NoiseSource, Result, Weights, WeightsError};

/// Width of tokens and channels: two heads of 40, as in Stable Diffusion 1.5.
const WIDTH: usize = 80;
/// Height and width of the feature map.
const SIZE: (usize, usize) = (9, 7);

impl Compute {
    /// Chooses the fastest path of the device: like [`Compute::new`], but with
    /// this crate's kernels on an NVIDIA GPU that computes f16 or bf16, once they
    /// were compared with the CPU.
    ///
    /// # Errors
    /// Fails when cuDNN or cublasLt cannot be used, or a layer's result is wrong.
    pub fn fastest(device: Device, dtype: DType) -> Result<Self> {
        let plain = Self::new(device, dtype);
        let half = matches!(dtype, DType::F16 | DType::BF16);
        if !(cfg!(feature = "cudnn") && plain.device().is_cuda() && half) {
            return Ok(plain);
        }
        let gpu = Gpu::open(plain.device())?;
        let fastest = plain.with_gpu(gpu);
        self_test(&fastest)?;
        Ok(fastest)
    }
}

/// Runs every layer and compares the results.
///
/// # Errors
/// Fails when a layer cannot be computed, or its result is further from f32's
/// than the dtype's rounding explains.
fn self_test(compute: &Compute) -> Result<()> {
    let allowed = if compute.dtype() == DType::BF16 {
        0.05
    } else {
        0.01
    };
    let exact = Compute::new(Device::Cpu, DType::F32);
    for ((layer, found), (_, expected)) in results(compute)?.into_iter().zip(results(&exact)?) {
        let distance = distance(&expected, &found)?;
        // NaN is not near either.
        if distance.is_nan() || distance > allowed {
            return Err(NnError::Argument(format!(
                "{layer} is {distance:.3} of its size away from what the cpu computes"
            )));
        }
    }
    Ok(())
}

/// Returns the result of each layer.
fn results(compute: &Compute) -> Result<Vec<(&'static str, Tensor)>> {
    let mut results = convolutions(compute)?;
    results.extend(tokens(compute)?);
    results.extend(attentions(compute)?);
    results.extend(attentions_of_each_width(compute)?);
    Ok(results)
}

fn convolutions(compute: &Compute) -> Result<Vec<(&'static str, Tensor)>> {
    let (height, width) = SIZE;
    let map = |name: &str, channels: usize| {
        FeatureMap::from_nchw(&drawn(name, &[2, channels, height, width])?, compute)
    };
    let load = |name: &str, config: Conv2dConfig| Conv2d::load(&weights(name), &config, compute);
    let (input, residual) = (map("input", WIDTH)?, map("residual", 48)?);
    let plain = load("conv", Conv2dConfig::new(WIDTH, 48, 3).padding(1))?;
    let added = Epilogue {
        residual: Some(&residual),
        ..Epilogue::default()
    };
    let strided = load(
        "strided",
        Conv2dConfig::new(WIDTH, 12, 3).stride(2).padding(1),
    )?;
    let pointwise = load("pointwise", Conv2dConfig::new(WIDTH, 48, 1))?;
    let folded = load(
        "folded",
        Conv2dConfig::new(WIDTH, 48, 3).padding(1).upsampling(),
    )?;
    let few = load("few", Conv2dConfig::new(4, 3, 3).padding(1))?;
    let tiny = load("tiny", Conv2dConfig::new(4, 4, 1))?;
    let norm = GroupNorm::load(&weights("norm"), 8, WIDTH, 1e-5, compute)?;
    let shift = placed("shift", &[2, WIDTH], compute)?;
    let outputs = [
        ("a convolution", plain.forward_fused(&input, &added)?),
        ("a convolution of stride 2", strided.forward(&input)?),
        (
            "a convolution of one pixel",
            pointwise.forward_fused(&input, &added)?,
        ),
        (
            "a convolution of few channels",
            few.forward(&map("latents", 4)?)?,
        ),
        (
            "a convolution of one pixel and few channels",
            tiny.forward(&map("latents", 4)?)?,
        ),
        (
            "an upsampler",
            plain.forward_upsampled(&input, 2 * height, 2 * width)?,
        ),
        (
            "a convolution of an enlarged image",
            folded.forward_upsampled(&input, 2 * height, 2 * width)?,
        ),
        ("a group norm", norm.forward(&input)?),
        (
            "a shifted group norm",
            norm.forward_shifted_silu(&input, &shift)?,
        ),
        ("a concatenation", input.concat_channels(&residual)?),
    ];
    let outputs = outputs.map(|(name, map)| Ok((name, map.to_nchw()?)));
    outputs.into_iter().collect()
}

fn tokens(compute: &Compute) -> Result<Vec<(&'static str, Tensor)>> {
    let input = placed("tokens", &[2, 21, WIDTH], compute)?;
    let residual = placed("residual", &[2, 21, 2 * WIDTH], compute)?;
    let linear = Linear::load(&weights("linear"), WIDTH, 2 * WIDTH, compute)?;
    let widened = linear.forward_residual(&input, &residual)?;
    let group = ["a", "b", "c"].map(weights);
    let group = LinearGroup::<3>::load(&group, WIDTH, WIDTH, true, compute)?;
    let [_, second, _] = group.forward(&input)?;
    let row = placed("row", &[1, WIDTH], compute)?;
    let norm = LayerNorm::load(&weights("norm"), WIDTH, 1e-5, compute)?;
    Ok(vec![
        ("a linear layer", widened.clone()),
        ("a linear layer of one row", linear.forward(&row)?),
        ("a group of linear layers", second),
        ("a layer norm", norm.forward(&input)?),
        ("a gated unit", geglu(&widened, compute)?),
    ])
}

fn attentions(compute: &Compute) -> Result<Vec<(&'static str, Tensor)>> {
    let query = placed("query", &[1, 150, WIDTH], compute)?;
    let own = key_value("own", 150, WIDTH, compute)?;
    let attention = Attention::new(2, compute);
    let text = key_value("text", 77, WIDTH, compute)?;
    let image = key_value("image", 4, WIDTH, compute)?;
    let rows = [DecoupledRow {
        text: &text,
        image: Some((&image, 0.7)),
    }];
    let table = DecoupledTable::new(compute, std::iter::once(rows.to_vec()))?;
    let wide = |name: &str| placed(name, &[1, 63, 192], compute);
    let (wide_query, wide_key, wide_value) = (wide("query")?, wide("key")?, wide("value")?);
    let one = Attention::new(1, compute);
    Ok(vec![
        (
            "attention",
            attention.forward(&query, &own.key, &own.value)?,
        ),
        (
            "causal attention",
            attention
                .clone()
                .causal()
                .forward(&query, &own.key, &own.value)?,
        ),
        (
            "decoupled attention",
            attention.forward_decoupled(&query, &rows, &table, 0)?,
        ),
        (
            "attention of a wide head",
            one.forward(&wide_query, &wide_key, &wide_value)?,
        ),
    ])
}

/// The other widths of heads: of CLIP, and of the coarser levels of a UNet, with more image tokens
/// than a tile has.
fn attentions_of_each_width(compute: &Compute) -> Result<Vec<(&'static str, Tensor)>> {
    let attention = Attention::new(2, compute);
    let mut results = Vec::new();
    for (name, decoupled, width) in [
        ("attention of heads of 64", "decoupled, heads of 64", 64),
        ("attention of heads of 80", "decoupled, heads of 80", 80),
        ("attention of heads of 160", "decoupled, heads of 160", 160),
    ] {
        let query = placed("query", &[1, 70, 2 * width], compute)?;
        let text = key_value("text", 77, 2 * width, compute)?;
        let image = key_value("image", 40, 2 * width, compute)?;
        results.push((name, attention.forward(&query, &text.key, &text.value)?));
        let rows = [DecoupledRow {
            text: &text,
            image: Some((&image, 0.7)),
        }];
        let table = DecoupledTable::new(compute, std::iter::once(rows.to_vec()))?;
        let output = attention.forward_decoupled(&query, &rows, &table, 0)?;
        results.push((decoupled, output));
    }
    Ok(results)
}

/// Returns ‖expected − found‖ / ‖expected‖.
fn distance(expected: &Tensor, found: &Tensor) -> Result<f64> {
    let wide = |tensor: &Tensor| -> Result<Tensor> {
        Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?)
    };
    let norm = |tensor: &Tensor| -> Result<f64> {
        Ok(tensor.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt())
    };
    let expected = wide(expected)?;
    Ok(norm(&(&expected - wide(found)?)?)? / norm(&expected)?)
}

/// Returns values that depend on the name and the shape alone, on the CPU.
fn drawn(name: &str, shape: &[usize]) -> Result<Tensor, candle_core::Error> {
    let seed = name.bytes().fold(1_u32, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    let values = NoiseSource::new(seed).uniform(shape.iter().product());
    let values: Vec<f32> = values.into_iter().map(|value| 2.0 * value - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Returns such values where a model computes.
fn placed(name: &str, shape: &[usize], compute: &Compute) -> Result<Tensor> {
    Ok(drawn(name, shape)?
        .to_dtype(compute.dtype())?
        .to_device(compute.device())?)
}

fn key_value(name: &str, tokens: usize, width: usize, compute: &Compute) -> Result<KeyValue> {
    let shape = [1, tokens, width];
    Ok(KeyValue {
        key: placed(&format!("{name}.key"), &shape, compute)?,
        value: placed(&format!("{name}.value"), &shape, compute)?,
    })
}

fn weights(name: &str) -> Weights {
    Weights::new(Arc::new(Drawn)).pp(name)
}

/// A checkpoint of drawn values.
#[derive(Debug)]
struct Drawn;

impl TensorSource for Drawn {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        Ok(drawn(name, shape)?)
    }

    fn contains(&self, _: &str) -> bool {
        true
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> String {
        "drawn values".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    #[test]
    fn every_path_of_the_cpu_passes() {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            self_test(&Compute::new(Device::Cpu, dtype)).unwrap();
        }
        let candle = Compute::new(Device::Cpu, DType::F16);
        self_test(&candle.with_layout(Layout::Nchw).unwrap()).unwrap();
    }

    /// It computes zeros.
    #[test]
    fn wrong_results_are_noticed() {
        let error = self_test(&Compute::declared(DType::F16)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("a convolution is 1.000 of its size away"),
            "{error}"
        );
    }
}
