use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, Conditioning, ImagePrompt, PreparedConditioning,
    UNet2DConditionModel,
};
use facegen_nn::weights::{TensorSource, WeightsError};
use facegen_nn::{Compute, FeatureMap, Ledger, Weights};
use serde_json::json;

/// A checkpoint that has every tensor, of zeros.
#[derive(Debug)]
struct Zeros;

impl TensorSource for Zeros {
    fn load(&self, _: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?)
    }

    fn contains(&self, name: &str) -> bool {
        // The older names of a VAE's attention.
        !name.ends_with("query.weight")
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn origin(&self) -> String {
        "zeros".to_owned()
    }
}

/// Stable Diffusion 1.5 with the image branches of an IP-Adapter.
fn unet(compute: &Compute) -> UNet2DConditionModel {
    let config = json!({
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": [
            "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D",
        ],
        "up_block_types": [
            "UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
        ],
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "norm_num_groups": 32,
    });
    let config = serde_json::from_value(config).unwrap();
    let weights = || Weights::new(Arc::new(Zeros));
    let adapter = AdapterWeights::without_lora(weights());
    UNet2DConditionModel::load(&config, &weights(), Some(&adapter), compute).unwrap()
}

fn vae(compute: &Compute) -> AutoencoderKl {
    let config = json!({
        "block_out_channels": [128, 256, 512, 512],
        "latent_channels": 4,
        "layers_per_block": 2,
        "norm_num_groups": 32,
        "out_channels": 3,
        "scaling_factor": 0.18215,
    });
    let config = serde_json::from_value(config).unwrap();
    AutoencoderKl::load(&config, &Weights::new(Arc::new(Zeros)), compute).unwrap()
}

fn zeros(shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

/// Returns what one step of so many images of 512x512 adds to the ledger, with
/// guidance and a face each.
fn step(unet: &UNet2DConditionModel, compute: &Compute, images: usize) -> Ledger {
    let row = Conditioning {
        text: zeros((1, 77, 768)),
        image: Some(ImagePrompt {
            tokens: zeros((1, 4, 768)),
            scale: 1.0,
        }),
    };
    let row = unet.prepare(&row).unwrap();
    let rows: Vec<usize> = (0..2 * images).map(|row| row / 2).collect();
    let conditionings: Vec<&PreparedConditioning> = rows.iter().map(|_| &row).collect();
    let timesteps = vec![500.0; images];
    let before = compute.ledger().unwrap();
    let latents = FeatureMap::from_nchw(&zeros((images, 4, 64, 64)), compute).unwrap();
    let noise_pred = unet.forward_rows(&latents, &timesteps, &rows, &conditionings);
    assert_eq!(
        noise_pred.unwrap().to_nchw().unwrap().dims(),
        [2 * images, 4, 64, 64]
    );
    compute.ledger().unwrap() - before
}

#[test]
fn a_step_stays_within_its_budget() {
    let compute = Compute::declared(DType::F16);
    let unet = unet(&compute);
    let one = step(&unet, &compute, 1);
    println!("a step of 512x512, declared: {one:?}");
    assert!(one.launches <= 500, "{one:?}");
    assert!(one.uploads <= 10, "{one:?}");
    assert!(one.bytes <= 7_000_000_000, "{one:?}");
    for images in [4, 8] {
        let many = step(&unet, &compute, images);
        let share = many.launches as f64 / images as f64 / one.launches as f64;
        println!("{images} images, declared: {many:?}, {share:.3} of the launches an image");
        assert!(share <= 1.0 / (0.75 * images as f64), "{many:?}");
    }
}

#[test]
fn a_decode_stays_within_its_budget() {
    let compute = Compute::declared(DType::F16);
    let vae = vae(&compute);
    let before = compute.ledger().unwrap();
    let image = vae.decode(&zeros((1, 4, 64, 64))).unwrap();
    assert_eq!(image.dims(), [1, 3, 512, 512]);
    let decode = compute.ledger().unwrap() - before;
    println!("a decode of 512x512, declared: {decode:?}");
    assert!(decode.launches <= 200, "{decode:?}");
    assert!(decode.bytes <= 6_200_000_000, "{decode:?}");
}
