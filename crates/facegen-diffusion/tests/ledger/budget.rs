use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, Conditioning, ImagePrompt, PreparedConditioning,
    UNet2DConditionModel,
};
use facegen_nn::{Compute, FeatureMap, Ledger, Work};
use serde_json::json;

use super::memory::{Alone, peak_of};
use super::zeros::weights;

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
    AutoencoderKl::load(&config, &weights(), compute).unwrap()
}

fn zeros(shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

/// Returns what one step of so many images of 512x512 adds to the ledger, with
/// guidance and a face each, and the bytes that it takes at once.
fn step(unet: &UNet2DConditionModel, compute: &Compute, images: usize) -> (Ledger, usize) {
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
    let _prepared = compute.take_launches();
    let before = compute.ledger().unwrap();
    let latents = FeatureMap::from_nchw(&zeros((images, 4, 64, 64)), compute).unwrap();
    let (noise_pred, peak) =
        peak_of(|| unet.forward_rows(&latents, &timesteps, &rows, &conditionings));
    assert_eq!(
        noise_pred.unwrap().to_nchw().unwrap().dims(),
        [2 * images, 4, 64, 64]
    );
    (compute.ledger().unwrap() - before, peak)
}

/// Prints each launch as a line for `benches/gpu/estimate.py`, and checks that
/// together they are what the ledger has.
fn print(what: &str, images: usize, works: &[(Work, u64)], ledger: &Ledger) {
    for (work, count) in works {
        let Work {
            name,
            bytes,
            operations,
        } = work;
        println!("ledger,{what},{images},{name},{count},{bytes},{operations}");
    }
    let launches: u64 = works.iter().map(|(_, count)| count).sum();
    let bytes: u64 = works
        .iter()
        .map(|(work, count)| count * work.bytes as u64)
        .sum();
    assert_eq!((launches, bytes), (ledger.launches, ledger.bytes), "{what}");
}

/// Returns the multiplications and additions of the tensor cores.
fn operations(works: &[(Work, u64)]) -> u64 {
    let of = |(work, count): &(Work, u64)| count * work.operations as u64;
    works.iter().map(of).sum()
}

/// Checks that a formula says what was taken: not a hundredth too little, nor a
/// tenth too much.
fn check_memory(what: &str, peak: usize, formula: usize) {
    println!("{what} takes {peak} bytes at once, {formula} by the formula");
    let allowed = formula / 10 * 9..=formula / 100 * 101;
    assert!(allowed.contains(&peak), "{what}: {peak} of {formula}");
}

#[test]
fn a_step_stays_within_its_budget() {
    let _alone = Alone::wait();
    let compute = Compute::declared(DType::F16);
    let unet = unet(&compute);
    let (one, peak) = step(&unet, &compute, 1);
    let formula = 2 * 64 * 64 * unet.bytes_of_latent();
    check_memory("a step", peak, formula);
    println!("a step of 512x512, declared: {one:?}");
    assert!(one.launches <= 500, "{one:?}");
    assert!(one.uploads <= 10, "{one:?}");
    assert!(one.bytes <= 7_000_000_000, "{one:?}");
    let works = compute.take_launches();
    print("step", 1, &works, &one);
    // 1,560 GFLOP are the work of the published sizes.
    let giga = operations(&works) / 1_000_000_000;
    assert!((1_500..1_600).contains(&giga), "{giga} GFLOP");
    for images in [4, 8] {
        let (many, peak) = step(&unet, &compute, images);
        check_memory("a step of many images", peak, images * formula);
        let share = many.launches as f64 / images as f64 / one.launches as f64;
        println!("{images} images, declared: {many:?}, {share:.3} of the launches an image");
        assert!(share <= 1.0 / (0.75 * images as f64), "{many:?}");
        print("step", images, &compute.take_launches(), &many);
    }
}

#[test]
fn a_decode_stays_within_its_budget() {
    let _alone = Alone::wait();
    let compute = Compute::declared(DType::F16);
    let vae = vae(&compute);
    let _loaded = compute.take_launches();
    let before = compute.ledger().unwrap();
    let (image, peak) = peak_of(|| vae.decode(&zeros((1, 4, 64, 64))));
    assert_eq!(image.unwrap().dims(), [1, 3, 512, 512]);
    check_memory("a decode", peak, 512 * 512 * vae.bytes_of_pixel());
    let decode = compute.ledger().unwrap() - before;
    println!("a decode of 512x512, declared: {decode:?}");
    assert!(decode.launches <= 200, "{decode:?}");
    assert!(decode.bytes <= 6_000_000_000, "{decode:?}");
    print("decode", 1, &compute.take_launches(), &decode);
}
