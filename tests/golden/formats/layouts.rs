//! Directories, shards, indices and single files.

use candle_core::DType;
use facegen_nn::Weights;

use super::models::{image_encoder, projected_image_encoder, text_encoder, vae};
use super::path;
use super::plain::{Plain, bits};

fn open(name: &str) -> Weights {
    Weights::open(&path(name)).unwrap()
}

#[test]
fn a_vae_is_the_same_in_every_layout() {
    for (name, dtype) in [
        ("vae", DType::F32),
        ("vae/diffusion_pytorch_model.safetensors", DType::F32),
        ("vae_bin", DType::F32),
        ("vae_fp16", DType::F16),
        ("vae_sharded", DType::BF16),
        (
            "vae_sharded/diffusion_pytorch_model.safetensors.index.json",
            DType::BF16,
        ),
        ("vae_bin_sharded", DType::F16),
    ] {
        let plain = Plain::new(dtype);
        let expected = vae(&plain.weights()).unwrap();
        plain.check(&open(name), str::to_owned);
        assert_eq!(bits(&vae(&open(name)).unwrap()), bits(&expected), "{name}");
    }
}

#[test]
fn older_names_of_the_vaes_attention_are_known() {
    let old_name = |name: &str| {
        let pairs = [
            ("to_q", "query"),
            ("to_k", "key"),
            ("to_v", "value"),
            ("to_out.0", "proj_attn"),
        ];
        pairs.into_iter().fold(name.to_owned(), |name, (new, old)| {
            name.replace(
                &format!("attentions.0.{new}."),
                &format!("attentions.0.{old}."),
            )
        })
    };
    let plain = Plain::new(DType::F16);
    let expected = vae(&plain.weights()).unwrap();
    plain.check(&open("vae_old"), old_name);
    assert_eq!(bits(&vae(&open("vae_old")).unwrap()), bits(&expected));
}

#[test]
fn a_text_encoder_may_have_a_prefix_and_position_ids() {
    for (name, dtype, prefix) in [
        ("text_encoder", DType::F32, "text_model."),
        ("text_encoder_bin", DType::F16, ""),
    ] {
        let plain = Plain::new(dtype);
        let expected = text_encoder(&plain.weights()).unwrap();
        let in_file = |name: &str| name.strip_prefix(prefix).unwrap().to_owned();
        plain.check(&open(name), in_file);
        let found = text_encoder(&open(name)).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{name}");
    }
}

#[test]
fn an_image_encoder_may_be_half_of_a_whole_clip() {
    for (name, dtype) in [
        ("clip", DType::BF16),
        ("clip.bin", DType::F16),
        ("image_encoder", DType::F16),
    ] {
        let plain = Plain::with_projection(dtype);
        let expected = projected_image_encoder(&plain.weights()).unwrap();
        plain.check(&open(name), str::to_owned);
        let found = projected_image_encoder(&open(name)).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{name}");
    }
}

#[test]
fn an_image_encoder_needs_neither_projection_nor_prefix() {
    for (name, prefix) in [
        ("image_encoder_plain.safetensors", ""),
        ("image_encoder_bare", "vision_model."),
    ] {
        let plain = Plain::new(DType::F16);
        let expected = image_encoder(&plain.weights()).unwrap();
        let in_file = |name: &str| name.strip_prefix(prefix).unwrap().to_owned();
        plain.check(&open(name), in_file);
        let found = image_encoder(&open(name)).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{name}");
        let error = projected_image_encoder(&open(name)).unwrap_err();
        assert!(error.to_string().contains("visual_projection"), "{error}");
    }
}
