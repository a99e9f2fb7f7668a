//! Checkpoints of the original Stable Diffusion.

use candle_core::DType;
use facegen_nn::Weights;

use super::models::{text_encoder, unet, unet_weights, vae, vae_weights};
use super::path;
use super::plain::{Plain, bits};

fn open(name: &str) -> Weights {
    Weights::open(&path(name)).unwrap()
}

#[test]
fn the_unet_of_an_original_checkpoint_is_that_of_diffusers() {
    let (plain, opened) = (Plain::new(DType::F16), open("original.safetensors"));
    let expected = unet(&plain.weights()).unwrap();
    plain.check(&unet_weights(&opened), str::to_owned);
    assert_eq!(bits(&unet(&opened).unwrap()), bits(&expected));
}

#[test]
fn the_vae_of_an_original_checkpoint_is_that_of_diffusers() {
    for (name, dtype) in [
        ("original.safetensors", DType::F16),
        ("original.ckpt", DType::F32),
        ("vae_original.pt", DType::BF16),
    ] {
        let (plain, opened) = (Plain::new(dtype), open(name));
        let expected = vae(&plain.weights()).unwrap();
        plain.check(&vae_weights(&opened), str::to_owned);
        assert_eq!(bits(&vae(&opened).unwrap()), bits(&expected), "{name}");
    }
}

#[test]
fn the_text_encoder_of_an_original_checkpoint_is_that_of_transformers() {
    for name in ["original.safetensors", "original.ckpt"] {
        let (plain, opened) = (Plain::new(DType::F16), open(name));
        let expected = text_encoder(&plain.weights()).unwrap();
        plain.check(&opened, |name| {
            format!("cond_stage_model.transformer.{name}")
        });
        let found = text_encoder(&opened).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{name}");
    }
}

#[test]
fn a_file_without_the_model_is_refused() {
    let error = unet(&open("original.ckpt")).unwrap_err().to_string();
    assert!(
        error.contains("original.ckpt has no tensor conv_in."),
        "{error}"
    );
}
