//! What the models are called with.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use facegen_engine::sd15::denoise::{LATENT_CHANNELS, LATENT_SCALE};
use facegen_nn::NoiseSource;

use crate::arguments::Arguments;

/// Tokens of a prompt and of a face.
const TEXT_TOKENS: usize = 77;
const IMAGE_TOKENS: usize = 4;
/// A timestep in the middle of the schedule.
const TIMESTEP: f32 = 500.0;

/// The inputs of one image, on the CPU in f32.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// `(1, 4, height, width)`.
    pub(crate) latents: Tensor,
    pub(crate) timestep: f32,
    /// `(2, tokens, width)`, the unconditional row first.
    pub(crate) text: Tensor,
    /// The same; used by a UNet with an adapter.
    pub(crate) image_tokens: Option<Tensor>,
}

impl Inputs {
    /// Draws them from the normal distribution; tokens have `width` values.
    pub(crate) fn draw(arguments: &Arguments, width: usize, seed: u32) -> Result<Self> {
        let tokens = |seed: u32, count: usize| -> Result<Tensor> {
            // As many numbers in the shape of latents.
            let noise = NoiseSource::new(seed).latents(2, count, width, &Device::Cpu)?;
            Ok(noise.squeeze(0)?)
        };
        Ok(Self {
            latents: latents(arguments, 3 * seed)?,
            timestep: TIMESTEP,
            text: tokens(3 * seed + 1, TEXT_TOKENS)?,
            image_tokens: Some(tokens(3 * seed + 2, IMAGE_TOKENS)?),
        })
    }

    /// Reads them from a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut tensors = candle_core::safetensors::load(path, &Device::Cpu)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let latents = take(&mut tensors, "latents")?;
        ensure!(latents.dims4()?.0 == 1, "latents are of one image");
        let timestep = take(&mut tensors, "timestep")?.flatten_all()?;
        Ok(Self {
            latents,
            timestep: timestep.get(0)?.to_scalar()?,
            text: take(&mut tensors, "text")?,
            image_tokens: take(&mut tensors, "image_tokens").ok(),
        })
    }
}

/// Draws latents of the size in the arguments.
pub(crate) fn latents(arguments: &Arguments, seed: u32) -> Result<Tensor> {
    let (rows, columns) = (
        arguments.height / LATENT_SCALE,
        arguments.width / LATENT_SCALE,
    );
    let mut source = NoiseSource::new(seed);
    Ok(source.latents(LATENT_CHANNELS, rows, columns, &Device::Cpu)?)
}

fn take(tensors: &mut HashMap<String, Tensor>, name: &str) -> Result<Tensor> {
    let tensor = tensors.remove(name);
    let tensor = tensor.with_context(|| format!("the input has no {name}"))?;
    Ok(tensor.to_dtype(DType::F32)?)
}
