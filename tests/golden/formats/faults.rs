//! Files of every format with one fault each.

use std::path::Path;

use candle_core::{DType, Tensor};
use facegen_diffusion::AdapterWeights;
use facegen_nn::{Result, Weights, WeightsError};

use super::models::{LORA_RANK, adapted_unet, image_encoder, text_encoder, unet, vae};
use super::path;
use super::plain::Plain;
use super::rewrite::{rewritten, tensor, truncated};

type Load = fn(&Weights) -> Result<Tensor>;

fn face_id(weights: &Weights) -> Result<Tensor> {
    with_adapter(&AdapterWeights::new(weights.clone(), LORA_RANK))
}

fn plus_face(weights: &Weights) -> Result<Tensor> {
    with_adapter(&AdapterWeights::without_lora(weights.clone()))
}

fn with_adapter(adapter: &AdapterWeights) -> Result<Tensor> {
    let noise = adapted_unet(&Plain::new(DType::F32).weights(), Some(adapter))?;
    adapter.image_projection().ignore("");
    adapter.finish()?;
    Ok(noise)
}

/// A model of a file, and one of its tensors: by its name in the file, and in
/// the error when it is missing. A surplus tensor is added next to the former.
struct Case {
    file: &'static str,
    load: Load,
    tensor: &'static str,
    model_name: &'static str,
}

const fn case(file: &'static str, load: Load, tensor: &'static str) -> Case {
    Case {
        file,
        load,
        tensor,
        model_name: tensor,
    }
}

const CASES: [Case; 10] = [
    case(
        "vae/diffusion_pytorch_model.safetensors",
        vae,
        "decoder.conv_in.weight",
    ),
    case(
        "vae_old/diffusion_pytorch_model.safetensors",
        vae,
        "decoder.mid_block.attentions.0.query.bias",
    ),
    case(
        "text_encoder/model.safetensors",
        text_encoder,
        "encoder.layers.1.mlp.fc1.weight",
    ),
    case(
        "clip/model.safetensors",
        image_encoder,
        "vision_model.post_layernorm.bias",
    ),
    case(
        "image_encoder_bare/model.safetensors",
        image_encoder,
        "pre_layrnorm.weight",
    ),
    Case {
        file: "original.safetensors",
        load: unet,
        tensor: "model.diffusion_model.output_blocks.5.2.conv.weight",
        model_name: "up_blocks.1.upsamplers.0.conv.weight",
    },
    Case {
        file: "original.safetensors",
        load: vae,
        tensor: "first_stage_model.decoder.mid.attn_1.q.weight",
        model_name: "decoder.mid_block.attentions.0.to_q.weight",
    },
    Case {
        file: "original.safetensors",
        load: text_encoder,
        tensor: "cond_stage_model.transformer.text_model.final_layer_norm.bias",
        model_name: "text_model.final_layer_norm.bias",
    },
    case(
        "faceid.safetensors",
        face_id,
        "ip_adapter.31.to_out_lora.up.weight",
    ),
    case(
        "plus_face.safetensors",
        plus_face,
        "ip_adapter.1.to_k_ip.weight",
    ),
];

/// Returns the error of a refused file.
fn refusal(file: &Path, load: Load) -> String {
    let error = Weights::open(file)
        .map_err(Into::into)
        .and_then(|weights| load(&weights))
        .unwrap_err();
    let error = error.to_string();
    let file = file.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(file), "{error} does not name {file}");
    error
}

#[test]
fn without_a_fault_nothing_is_refused() {
    for Case { file, load, .. } in CASES {
        load(&Weights::open(&rewritten(&path(file), |_| ())).unwrap()).unwrap();
    }
}

#[test]
fn a_missing_tensor_is_named() {
    for case in CASES {
        let faulty = rewritten(&path(case.file), |tensors| {
            tensors.remove(case.tensor).unwrap();
        });
        let error = refusal(&faulty, case.load);
        assert!(
            error.ends_with(&format!("has no tensor {}", case.model_name)),
            "{error}"
        );
    }
}

#[test]
fn a_surplus_tensor_is_named() {
    for case in CASES {
        let surplus = format!("{}.surplus", case.tensor);
        let faulty = rewritten(&path(case.file), |tensors| {
            tensors.insert(surplus.clone(), tensor(&[1], &[0.0]));
        });
        let error = refusal(&faulty, case.load);
        assert!(
            error.ends_with(&format!("does not know: {surplus}")),
            "{error}"
        );
    }
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    for case in CASES {
        let mut shape = Vec::new();
        let faulty = rewritten(&path(case.file), |tensors| {
            let stored = tensors.get_mut(case.tensor).unwrap();
            stored.shape.insert(0, 1);
            shape.clone_from(&stored.shape);
        });
        let error = refusal(&faulty, case.load);
        assert!(
            error.starts_with(&format!("tensor {} of ", case.tensor)),
            "{error}"
        );
        assert!(
            error.contains(&format!("has shape {shape:?}, expected ")),
            "{error}"
        );
    }
}

#[test]
fn a_truncated_file_is_refused() {
    let files = CASES.iter().map(|case| case.file);
    let pickles = ["faceid.bin", "original.ckpt", "clip.bin", "linear.bin"];
    for file in files.chain(pickles) {
        for fraction in [0.0, 0.01, 0.5, 0.999] {
            let faulty = truncated(&path(file), fraction);
            let error = Weights::open(&faulty).unwrap_err();
            assert!(
                matches!(error, WeightsError::Unreadable { .. }),
                "{error:?}"
            );
            let name = faulty.file_name().unwrap().to_str().unwrap();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

/// Contents in place of weights, and how the error names them.
const MISTAKEN: [(&[u8], &str); 24] = [
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n",
        "a git lfs pointer",
    ),
    (
        b"version https://git-lfs.github.com/spec/v1",
        "a git lfs pointer",
    ),
    (
        b"version https://hawser.github.com/spec/v1\n",
        "a git lfs pointer of an old version",
    ),
    (
        b"/annex/objects/SHA256E-s7--ab.safetensors\n",
        "a git-annex pointer",
    ),
    (b"../.git/annex/objects/0G/SHA256E", "a git-annex pointer"),
    (b"<!doctype html><title>404</title>", "a web page"),
    (b"<!DOCTYPE html>\n<html lang=\"en\">", "a web page"),
    (b"\xef\xbb\xbf\r\n  <HTML><body>Sign in", "a web page"),
    (b"<html>", "a web page"),
    (b"<head>", "a web page"),
    (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "XML"),
    (b"<Error><Code>NoSuchKey</Code></Error>", "XML"),
    (b"{\"error\":\"Repository not found\"}", "JSON"),
    (b"\n{\n  \"weight_map\": {}\n}\n", "JSON"),
    (b"[]", "JSON"),
    (b"\"Not Found\"", "JSON"),
    (b"{}", "JSON"),
    (b"", "an empty file"),
    (b"Entry not found", "a text"),
    (b"Invalid username or password.\n", "a text"),
    (b"404", "a text"),
    (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "a gzip archive"),
    (b"GGUF\x03\0\0\0", "a gguf file"),
    (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
];

#[test]
fn files_other_than_checkpoints_are_named_by_their_kind() {
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "model.safetensors",
        "model.bin",
        "model.ckpt",
        "model.pt",
        "model",
    ] {
        let file = directory.path().join(name);
        for (content, what) in MISTAKEN {
            std::fs::write(&file, content).unwrap();
            let error = refusal(&file, vae);
            let path = file.display().to_string();
            let expected = format!("cannot read {path}: it is {what}");
            assert!(error.starts_with(&expected), "{error}");
            assert_eq!(
                error.matches(&path).count(),
                1,
                "the path stands there once: {error}"
            );
        }
    }
    // Damaged files are not named as something else.
    for content in [
        &b"\x7b\0\0\0\0\0\0\0{\"a\":"[..],
        b"\x20\0\0\0\0\0\0\0{\"a\"",
        b"\xff\xfe\xfd\xfc",
    ] {
        let file = directory.path().join("model.safetensors");
        std::fs::write(&file, content).unwrap();
        let error = refusal(&file, vae);
        assert!(!error.contains("it is "), "{error}");
        let path = file.display().to_string();
        assert_eq!(
            error.matches(&path).count(),
            1,
            "the path stands there once: {error}"
        );
    }
}

#[test]
fn files_other_than_networks_are_named_by_their_kind() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("detector.onnx");
    for (content, what) in MISTAKEN {
        std::fs::write(&file, content).unwrap();
        let Err(error) = facegen_vision::load_detector(&file) else {
            panic!("{what} is a network");
        };
        let error = error.to_string();
        assert!(error.contains(&format!("it is {what}")), "{error}");
        let path = file.display().to_string();
        assert_eq!(
            error.matches(&path).count(),
            1,
            "the path stands there once: {error}"
        );
    }
}

#[test]
fn a_missing_checkpoint_is_named() {
    let error = Weights::open(Path::new("/nowhere/model.safetensors")).unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/model.safetensors"),
        "{error}"
    );
}

/// Returns a copy of the sharded VAE, its index changed.
fn sharded(change: impl FnOnce(&Path, String) -> String) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(path("vae_sharded")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    let index = directory
        .path()
        .join("diffusion_pytorch_model.safetensors.index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, change(directory.path(), text)).unwrap();
    let error = Weights::open(directory.path()).unwrap_err().to_string();
    (directory, error)
}

#[test]
fn an_index_and_its_shards_must_agree() {
    let second = "diffusion_pytorch_model-00002-of-00002.safetensors";
    let (_directory, error) = sharded(|directory, index| {
        std::fs::remove_file(directory.join(second)).unwrap();
        index
    });
    assert!(error.contains(second), "{error}");

    let name = "\"decoder.conv_in.bias\"";
    let (_directory, error) = sharded(|_, index| index.replace(name, "\"decoder.conv_in.other\""));
    assert!(
        error.contains("does not name decoder.conv_in.bias of "),
        "{error}"
    );

    let (_directory, error) = sharded(|_, index| {
        let first = second.replace("00002-of", "00001-of");
        let entry = format!("\"weight_map\": {{ \"surplus\": \"{first}\",");
        index.replace("\"weight_map\": {", &entry)
    });
    assert!(
        error.contains("00001-of-00002.safetensors has no tensor surplus"),
        "{error}"
    );

    let (_directory, error) = sharded(|_, index| index.replace(second, &format!("../{second}")));
    assert!(
        error.contains("is not the name of a file in its directory"),
        "{error}"
    );

    let (_directory, error) = sharded(|_, index| index.replace("weight_map", "weights"));
    assert!(
        error.contains("index.json: missing field `weight_map`"),
        "{error}"
    );
}
