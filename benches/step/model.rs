//! Loads a model from a directory in the layout of diffusers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, AutoencoderKlConfig, UNet2DConditionConfig, UNet2DConditionModel,
};
use facegen_nn::packs::Packing;
use facegen_nn::{Compute, Layout, Weights};
use serde::de::DeserializeOwned;

use crate::arguments::Arguments;
use crate::{packing, zeros};

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
        let (config, source) = open::<UNet2DConditionConfig>(&arguments.unet, arguments)?;
        let adapter = adapter(arguments)?;
        let network =
            UNet2DConditionModel::load(&config, &source.weights, adapter.as_ref(), &compute)?;
        source.finish()?;
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
        let (config, source) = open::<AutoencoderKlConfig>(&arguments.vae, arguments)?;
        let network = AutoencoderKl::load(&config, &source.weights, &compute)?;
        source.finish()?;
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

/// Opens the adapter, if there is one.
fn adapter(arguments: &Arguments) -> Result<Option<AdapterWeights>> {
    if arguments.zeros {
        return Ok(Some(AdapterWeights::without_lora(zeros::weights())));
    }
    let weights = arguments.adapter.as_ref().map(|file| Weights::open(file));
    let weights = weights.transpose()?;
    Ok(weights.map(|weights| AdapterWeights::new(weights, arguments.lora_rank)))
}

/// Opens a directory's config and weights.
fn open<T: DeserializeOwned>(
    directory: &Option<PathBuf>,
    arguments: &Arguments,
) -> Result<(T, Source)> {
    let directory: &Path = directory.as_ref().context("no directory")?;
    let config = directory.join("config.json");
    let text = fs::read(&config).with_context(|| config.display().to_string())?;
    let checkpoint = directory.display().to_string();
    let packing = match &arguments.pack {
        Some(pack) => packing::of(pack, &checkpoint, arguments.dtype)?,
        None => Packing::InMemory,
    };
    let weights = if arguments.zeros {
        zeros::weights()
    } else {
        Weights::open(directory)?.packing(&packing)
    };
    Ok((serde_json::from_slice(&text)?, Source { weights, packing }))
}

/// The weights of a model, and where they are packed.
struct Source {
    weights: Weights,
    packing: Packing,
}

impl Source {
    /// Ends the loading.
    fn finish(&self) -> Result<()> {
        self.weights.finish()?;
        if let Packing::Into(pack) = &self.packing {
            pack.finish()?;
        }
        Ok(())
    }
}
