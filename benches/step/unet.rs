//! The denoising step.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{Conditioning, ImagePrompt, PreparedConditioning, UNet2DConditionModel};
use facegen_nn::FeatureMap;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::inputs::Inputs;
use crate::model::Model;
use crate::timing;

/// Measures a step of that many images, each with latents, prompt and face of
/// its own, as the engine calls it.
pub(crate) fn measure(
    model: &Model<UNet2DConditionModel>,
    arguments: &Arguments,
    images: usize,
) -> Result<Value> {
    let draw = |image: usize| Inputs::draw(arguments, model.width, image as u32);
    let inputs = (0..images).map(draw);
    let inputs: Vec<Inputs> = inputs.collect::<Result<_>>()?;
    let step = Step::prepare(model, &inputs)?;
    let mut result = timing::measure(&model.compute, arguments, || step.run(model).map(drop))?;
    let mut insert = |name: &str, value: Value| result.insert(name.to_owned(), value);
    insert("what", "unet".into());
    insert("images", images.into());
    insert("rows", step.rows.len().into());
    insert("has_adapter", model.has_adapter.into());
    insert("load_seconds", model.load_seconds.into());
    Ok(result.into())
}

/// Returns both rows' predictions of one image, on the CPU in f32.
pub(crate) fn predict(model: &Model<UNet2DConditionModel>, inputs: &Inputs) -> Result<Tensor> {
    let step = Step::prepare(model, std::slice::from_ref(inputs))?;
    let prediction = model.compute.run(|| step.run(model))?.to_nchw()?;
    Ok(prediction.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)
}

/// The arguments of one call of a UNet.
struct Step {
    latents: FeatureMap,
    timesteps: Vec<f32>,
    /// The image of each conditioning.
    rows: Vec<usize>,
    conditionings: Vec<PreparedConditioning>,
}

impl Step {
    fn prepare(model: &Model<UNet2DConditionModel>, inputs: &[Inputs]) -> Result<Self> {
        let latents: Vec<&Tensor> = inputs.iter().map(|inputs| &inputs.latents).collect();
        let (mut rows, mut conditionings) = (vec![], vec![]);
        for (image, inputs) in inputs.iter().enumerate() {
            for row in 0..inputs.text.dims()[0] {
                rows.push(image);
                conditionings.push(model.network.prepare(&conditioning(model, inputs, row)?)?);
            }
        }
        Ok(Self {
            latents: FeatureMap::from_nchw(&Tensor::cat(&latents, 0)?, &model.compute)?,
            timesteps: inputs.iter().map(|inputs| inputs.timestep).collect(),
            rows,
            conditionings,
        })
    }

    fn run(&self, model: &Model<UNet2DConditionModel>) -> Result<FeatureMap> {
        let conditionings: Vec<_> = self.conditionings.iter().collect();
        let prediction =
            model
                .network
                .forward_rows(&self.latents, &self.timesteps, &self.rows, &conditionings);
        Ok(prediction?)
    }
}

fn conditioning(
    model: &Model<UNet2DConditionModel>,
    inputs: &Inputs,
    row: usize,
) -> Result<Conditioning> {
    let tokens = inputs.image_tokens.as_ref();
    let tokens = tokens.filter(|_| model.has_adapter);
    let tokens = tokens.map(|tokens| tokens.narrow(0, row, 1)).transpose()?;
    Ok(Conditioning {
        text: inputs.text.narrow(0, row, 1)?,
        image: tokens.map(|tokens| ImagePrompt { tokens, scale: 1.0 }),
    })
}
