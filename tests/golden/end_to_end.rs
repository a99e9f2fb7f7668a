use std::sync::Arc;

use candle_core::{Device, Tensor};
use facegen_core::preset::ChannelOrder;
use facegen_diffusion::{
    AutoencoderKl, Conditioning, DdimConfig, FaceIdPlusProjection, ImagePrompt, SchedulerConfig,
};
use facegen_engine::sd15::denoise::{DenoiseState, Guidance, denoise_step};
use facegen_engine::sd15::face::{FaceEncoder, ImageEncoder};
use facegen_engine::sd15::prompt::PromptTokenizer;
use facegen_image::RgbImage;
use facegen_nn::Compute;
use facegen_vision::{Face, FaceAnalyzer, FaceDetector, FaceEmbedder, VisionError};
use serde::Deserialize;

use crate::support::{
    Golden, bgr_image, clip_text, config, golden_weights, gpu_path, native, root,
    unet_and_projection, vae,
};

/// Arguments of the reference's `generate`.
#[derive(Debug, Deserialize)]
struct Arguments {
    prompt: String,
    negative_prompt: String,
    width: usize,
    height: usize,
    num_inference_steps: usize,
    guidance_scale: f64,
    s_scale: f64,
    scale: f64,
    seed: u32,
}

/// A detector and embedder for a golden that has its own crop and embedding.
#[derive(Debug)]
struct Unused;

impl FaceDetector for Unused {
    fn detect_at(&self, _photo: &RgbImage, _size: usize) -> Result<Vec<Face>, VisionError> {
        Err(VisionError::NoFace)
    }
}

impl FaceEmbedder for Unused {
    fn embed(&self, _crop: &RgbImage) -> Result<Vec<f32>, VisionError> {
        Err(VisionError::NoFace)
    }
}

#[test]
fn the_image_is_that_of_the_reference_pipeline() {
    let (golden, arguments) = (Golden::load("end_to_end"), config("end_to_end"));
    for compute in [native(), gpu_path()] {
        let latents = latents(&golden, &arguments, &compute);
        golden.check("latents", &latents);
        let rgb = AutoencoderKl::to_rgb(&vae("vae", &compute).decode(&latents).unwrap()).unwrap();
        let shape = (arguments.height, arguments.width, 3);
        golden.check(
            "image",
            &Tensor::from_vec(rgb, shape, &Device::Cpu).unwrap(),
        );
    }
}

fn latents(golden: &Golden, arguments: &Arguments, compute: &Compute) -> Tensor {
    let (unet, projection) = unet_and_projection(compute);
    let face = face_encoder(projection, compute);
    let id_embedding: Vec<f32> = golden
        .input("id_embeds")
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    let tokens = face
        .tokens(
            &bgr_image(&golden.input("face_bgr")),
            Some(&id_embedding),
            arguments.s_scale,
        )
        .unwrap();
    golden.check(
        "image_tokens",
        &Tensor::cat(&[&tokens.uncond, &tokens.cond], 0).unwrap(),
    );

    let tokenizer = root().join("models/demo/tokenizer/tokenizer.json");
    let tokenizer = PromptTokenizer::load(&tokenizer).unwrap();
    let text_encoder = clip_text(compute);
    let prepare = |prompt: &str, tokens: Tensor| {
        let text = text_encoder
            .forward(&tokenizer.encode(prompt).unwrap().ids)
            .unwrap();
        let image = Some(ImagePrompt {
            tokens,
            scale: arguments.scale,
        });
        unet.prepare(&Conditioning { text, image }).unwrap()
    };
    let guidance = Arc::new(Guidance {
        cond: prepare(&arguments.prompt, tokens.cond),
        uncond: Some(prepare(&arguments.negative_prompt, tokens.uncond)),
        guidance_scale: arguments.guidance_scale,
    });
    let scheduler = DdimConfig::default()
        .build(arguments.num_inference_steps)
        .unwrap();
    let (width, height) = (arguments.width, arguments.height);
    let mut state = DenoiseState::from_noise(
        arguments.seed,
        width,
        height,
        scheduler,
        guidance,
        &Device::Cpu,
    )
    .unwrap();
    while state.steps_left() > 0 {
        denoise_step(&unet, &mut [&mut state], compute).unwrap();
    }
    state.latents().clone()
}

/// Returns the encoder of faces, without a detector.
fn face_encoder(projection: FaceIdPlusProjection, compute: &Compute) -> FaceEncoder {
    let analyzer = FaceAnalyzer::new(Box::new(Unused), Box::new(Unused));
    let weights = golden_weights("clip_vision");
    let image_encoder = ImageEncoder::load(&config("clip_vision"), &weights, compute).unwrap();
    FaceEncoder::new(
        analyzer,
        image_encoder,
        Box::new(projection),
        ChannelOrder::Bgr,
    )
}
