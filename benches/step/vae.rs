//! The decoding of one image.

use anyhow::Result;
use candle_core::{Device, Tensor};
use facegen_diffusion::AutoencoderKl;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::inputs::{self, Inputs};
use crate::model::Model;
use crate::timing;

/// Measures it.
pub(crate) fn measure(model: &Model<AutoencoderKl>, arguments: &Arguments) -> Result<Value> {
    let latents = inputs::latents(arguments, 0)?;
    let latents = latents.to_device(model.compute.device())?;
    let mut result = timing::measure(&model.compute, arguments, || {
        model.network.decode(&latents)?;
        Ok(())
    })?;
    let mut insert = |name: &str, value: Value| result.insert(name.to_owned(), value);
    insert("what", "vae".into());
    insert("images", 1.into());
    insert("load_seconds", model.load_seconds.into());
    Ok(result.into())
}

/// Returns the image, on the CPU in f32.
pub(crate) fn decode(model: &Model<AutoencoderKl>, inputs: &Inputs) -> Result<Tensor> {
    let latents = inputs.latents.to_device(model.compute.device())?;
    let image = model.compute.run(|| model.network.decode(&latents))?;
    Ok(image.to_device(&Device::Cpu)?)
}
