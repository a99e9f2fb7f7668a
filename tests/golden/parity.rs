//! The pipeline at its published size against the reference, by hand: `cargo xtask verify parity`.
//!
//! `python/full_size.py` makes the checkpoints and the results of the reference;
//! their directory is `FACEGEN_PARITY`. One model is in memory at a time.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use facegen_core::preset::ChannelOrder;
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, Conditioning, DdimConfig, FaceIdPlusConfig,
    FaceIdPlusProjection, ImagePrompt, SchedulerConfig, UNet2DConditionModel,
    classifier_free_guidance,
};
use facegen_nn::clip::{ClipTextModel, ClipVisionModel};
use facegen_nn::{Compute, FeatureMap, Weights};
use facegen_vision::{SafetyChecker, clip_pixel_values};
use serde::de::DeserializeOwned;

use crate::safety::checker::images;
use crate::support::{Golden, bgr_image, native};

const ADAPTER: &str = "ip-adapter-faceid-plusv2_sd15.bin";
const GUIDANCE_SCALE: f64 = 7.5;

#[expect(clippy::disallowed_methods, reason = "a test has no config")]
fn directory() -> PathBuf {
    std::env::var_os("FACEGEN_PARITY")
        .expect("FACEGEN_PARITY names the directory that full_size.py wrote")
        .into()
}

fn golden(name: &str) -> Golden {
    Golden::load_from(&directory().join("goldens"), name)
}

fn open(component: &str) -> (Weights, PathBuf) {
    let directory = directory().join(component);
    (
        Weights::open(&directory).unwrap(),
        directory.join("config.json"),
    )
}

fn config<T: DeserializeOwned>(path: PathBuf) -> T {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Loads a model and prints how long that took.
fn timed<T>(name: &str, load: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let model = load();
    println!("{name} loaded in {:.1} s", started.elapsed().as_secs_f64());
    model
}

#[test]
#[ignore = "needs the checkpoints of full_size.py"]
fn every_module_and_the_image_are_those_of_the_reference() {
    let compute = native();
    text_encoder(&compute);
    image_encoder(&compute);
    denoiser(&compute);
    decoder(&compute);
    safety_checker(&compute);
}

fn text_encoder(compute: &Compute) {
    let golden = golden("full_text_encoder");
    let model = timed("text_encoder", || {
        let (weights, path) = open("sd15/text_encoder");
        let model = ClipTextModel::load(&config(path), &weights, compute).unwrap();
        weights.finish().unwrap();
        model
    });
    let ids: Vec<Vec<i64>> = golden.input("input_ids").to_vec2().unwrap();
    let rows = ids.into_iter().map(|ids| {
        let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
        model.forward(&ids).unwrap()
    });
    let rows: Vec<Tensor> = rows.collect();
    golden.check("last_hidden_state", &Tensor::cat(&rows, 0).unwrap());
}

fn image_encoder(compute: &Compute) {
    let golden = golden("full_image_encoder");
    let model = timed("image_encoder", || {
        let (weights, path) = open("image_encoder");
        let model = ClipVisionModel::load(&config(path), &weights, compute).unwrap();
        weights.finish().unwrap();
        model
    });
    let pixels = clip_pixel_values(&bgr_image(&golden.input("image")), ChannelOrder::Bgr);
    let pixels = Tensor::from_vec(pixels, (1, 3, 224, 224), &Device::Cpu).unwrap();
    let pixels = Tensor::cat(&[&pixels, &pixels.zeros_like().unwrap()], 0).unwrap();
    golden.check(
        "penultimate",
        &model.penultimate_hidden_state(&pixels).unwrap(),
    );
}

/// Checks UNet, adapter and the loop.
fn denoiser(compute: &Compute) {
    let (unet, projection) = timed("unet and adapter", || load_unet(compute));
    let tokens = golden("full_projection");
    let image = projection
        .forward(
            &tokens.input("id_embeds"),
            &tokens.input("clip_hidden_states"),
            1.0,
        )
        .unwrap();
    tokens.check("image_tokens", &image);

    let predictions = golden("full_unet");
    let (text, image) = (
        predictions.input("text_tokens"),
        predictions.input("image_tokens"),
    );
    let prepared: Vec<_> = (0..2)
        .map(|row| {
            let image = Some(ImagePrompt {
                tokens: image.narrow(0, row, 1).unwrap(),
                scale: 1.0,
            });
            let text = text.narrow(0, row, 1).unwrap();
            unet.prepare(&Conditioning { text, image }).unwrap()
        })
        .collect();
    let prepared: Vec<_> = prepared.iter().collect();
    let predict = |latents: &Tensor, timestep: f32| {
        let latents = FeatureMap::from_nchw(latents, compute).unwrap();
        let noise_pred = unet.forward_rows(&latents, &[timestep], &[0, 0], &prepared);
        noise_pred.unwrap().to_nchw().unwrap()
    };
    let latents = predictions.input("latents").narrow(0, 0, 1).unwrap();
    for timestep in [1.0, 500.0, 941.0] {
        predictions.check(
            &format!("noise_pred.t_{timestep}"),
            &predict(&latents, timestep),
        );
    }

    let golden = golden("full_loop");
    let mut scheduler = DdimConfig::default().build(21).unwrap();
    let mut latents = golden.input("latents");
    let started = Instant::now();
    for timestep in scheduler.timesteps().to_vec() {
        let rows = predict(&latents, timestep).chunk(2, 0).unwrap();
        let noise_pred = classifier_free_guidance(&rows[0], &rows[1], GUIDANCE_SCALE).unwrap();
        latents = scheduler.step(&noise_pred, timestep, &latents).unwrap();
    }
    println!("21 steps in {:.1} s", started.elapsed().as_secs_f64());
    golden.check("latents", &latents);
}

fn load_unet(compute: &Compute) -> (UNet2DConditionModel, FaceIdPlusProjection) {
    let face_id: FaceIdPlusConfig = serde_json::from_str("{}").unwrap();
    let adapter = Weights::open(&directory().join(ADAPTER)).unwrap();
    let adapter = AdapterWeights::new(adapter, face_id.lora_rank);
    let (weights, path) = open("sd15/unet");
    let unet =
        UNet2DConditionModel::load(&config(path), &weights, Some(&adapter), compute).unwrap();
    weights.finish().unwrap();
    let projection =
        FaceIdPlusProjection::load(&face_id, &adapter.image_projection(), compute).unwrap();
    adapter.finish().unwrap();
    (unet, projection)
}

fn decoder(compute: &Compute) {
    let golden = golden("full_vae");
    let model = timed("vae", || {
        let (weights, path) = open("sd15/vae");
        let model = AutoencoderKl::load(&config(path), &weights, compute).unwrap();
        weights.finish().unwrap();
        model
    });
    let image = model.decode(&golden.input("latents")).unwrap();
    golden.check("image", &image);
    let bytes = AutoencoderKl::to_rgb(&image).unwrap();
    let shape = golden.expected("bytes").dims().to_vec();
    golden.check(
        "bytes",
        &Tensor::from_vec(bytes, shape, &Device::Cpu).unwrap(),
    );
}

fn safety_checker(compute: &Compute) {
    let checker = timed("safety_checker", || {
        let (weights, path) = open("sd15/safety_checker");
        let checker = SafetyChecker::load(&config(path), &weights, compute).unwrap();
        weights.finish().unwrap();
        checker
    });
    let cosines = checker.cosines(&images()).unwrap();
    let cosines = Tensor::new(cosines, &Device::Cpu).unwrap();
    golden("full_safety_checker").check("cosines", &cosines);
}
