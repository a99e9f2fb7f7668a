//! Loads a model from a directory in the layout of diffusers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, AutoencoderKlConfig, UNet2DConditionConfig, UNet2DConditionModel,
};
use facegen_nn::{Compute, Layout, Weights};
use serde::de::DeserializeOwned;

use crate::arguments::Arguments;

/// A model and what it computes on.
#[derive(Debug)]
pub(crate) struct Model<T> {
    pub(crate) network: T,
    pub(crate) compute: Compute,
    /// The width of a UNet's tokens.
    pub(crate) width: usize,
    pub(crate) has_adapter: bool,
    pub(crate) load_seconds: f64,
}

impl Model<UNet2DConditionModel> {
    pub(crate) fn unet(arguments: &Arguments) -> Result<Self> {
        let (compute, started) = (compute(arguments)?, Instant::now());
        let (config, weights) = open::<UNet2DConditionConfig>(&arguments.unet)?;
        let adapter = arguments.adapter.as_ref().map(|file| Weights::open(file));
        let adapter = adapter
            .transpose()?
            .map(|weights| AdapterWeights::new(weights, arguments.lora_rank));
        let network = UNet2DConditionModel::load(&config, &weights, adapter.as_ref(), &compute)?;
        weights.finish()?;
        Ok(Self {
            network,
            compute,
            width: config.cross_attention_dim,
            has_adapter: adapter.is_some(),
            load_seconds: started.elapsed().as_secs_f64(),
        })
    }
}

impl Model<AutoencoderKl> {
    pub(crate) fn vae(arguments: &Arguments) -> Result<Self> {
        let (compute, started) = (compute(arguments)?, Instant::now());
        let (config, weights) = open::<AutoencoderKlConfig>(&arguments.vae)?;
        let network = AutoencoderKl::load(&config, &weights, &compute)?;
        weights.finish()?;
        Ok(Self {
            network,
            compute,
            width: 0,
            has_adapter: false,
            load_seconds: started.elapsed().as_secs_f64(),
        })
    }
}

fn compute(arguments: &Arguments) -> Result<Compute> {
    let (device, dtype) = (arguments.device.open()?, arguments.dtype);
    if arguments.candle {
        return Ok(Compute::new(device, dtype).with_layout(Layout::Nchw)?);
    }
    Ok(Compute::fastest(device, dtype)?)
}

/// Opens a directory's config and weights.
fn open<T: DeserializeOwned>(directory: &Option<PathBuf>) -> Result<(T, Weights)> {
    let directory: &Path = directory.as_ref().context("no directory")?;
    let config = directory.join("config.json");
    let text = fs::read(&config).with_context(|| config.display().to_string())?;
    Ok((serde_json::from_slice(&text)?, Weights::open(directory)?))
}
