//! FaceID with its LoRA inside and in a file of its own, and plus-face.

use candle_core::{DType, Tensor};
use facegen_diffusion::AdapterWeights;
use facegen_nn::{Weights, WeightsError};

use super::models::{LORA_RANK, adapted_unet};
use super::path;
use super::plain::{Plain, bits};
use super::rewrite::{rewritten, tensor};

fn open(name: &str) -> Weights {
    Weights::open(&path(name)).unwrap()
}

/// Returns the noise under an adapter, leaving its image projection.
fn noise(adapter: &AdapterWeights) -> Tensor {
    let unet = Plain::new(DType::F32);
    let noise = adapted_unet(&unet.weights(), Some(adapter)).unwrap();
    adapter.image_projection().ignore("");
    adapter.finish().unwrap();
    noise
}

/// Returns the noise under the plain values of an adapter with a LoRA.
fn expected() -> Tensor {
    noise(&AdapterWeights::new(
        Plain::new(DType::F16).weights(),
        LORA_RANK,
    ))
}

/// Writes the FaceID adapter without its LoRA, as a file.
fn without_lora() -> tempfile::TempPath {
    rewritten(&path("faceid.safetensors"), |tensors| {
        tensors.retain(|name, _| !name.contains("_lora."));
    })
}

#[test]
fn a_face_id_adapter_is_the_same_as_a_pickle_and_as_safetensors() {
    let expected = expected();
    for name in ["faceid.bin", "faceid.safetensors"] {
        let plain = Plain::new(DType::F16);
        adapted_unet(
            &Plain::new(DType::F32).weights(),
            Some(&AdapterWeights::new(plain.weights(), LORA_RANK)),
        )
        .unwrap();
        plain.check(&open(name), str::to_owned);
        let found = noise(&AdapterWeights::new(open(name), LORA_RANK));
        assert_eq!(bits(&found), bits(&expected), "{name}");
        let projection = AdapterWeights::new(open(name), LORA_RANK).image_projection();
        let shape = [4 * 64, 16];
        assert_eq!(
            bits(&projection.get("proj.2.weight", &shape).unwrap()),
            bits(&plain.value("image_proj.proj.2.weight", &shape)),
        );
    }
}

#[test]
fn a_separate_lora_is_that_of_the_adapter() {
    let (adapter, lora) = (without_lora(), open("faceid_lora.safetensors"));
    let adapter = Weights::open(&adapter).unwrap();
    let adapter = AdapterWeights::with_separate_lora(adapter, lora, LORA_RANK).unwrap();
    assert_eq!(bits(&noise(&adapter)), bits(&expected()));
}

#[test]
fn the_alpha_of_a_separate_lora_scales_it() {
    let with_alpha = |alpha: f32| {
        let lora = rewritten(&path("faceid_lora.safetensors"), |tensors| {
            let modules: Vec<String> = tensors
                .keys()
                .filter_map(|name| Some(name.strip_suffix(".lora_up.weight")?.to_owned()))
                .collect();
            for module in modules {
                tensors.insert(format!("{module}.alpha"), tensor(&[], &[alpha]));
            }
        });
        let (adapter, lora) = (without_lora(), Weights::open(&lora).unwrap());
        let adapter = Weights::open(&adapter).unwrap();
        noise(&AdapterWeights::with_separate_lora(adapter, lora, LORA_RANK).unwrap())
    };
    // An alpha of the rank is a factor of one.
    assert_eq!(bits(&with_alpha(LORA_RANK as f32)), bits(&expected()));
    let adapter = Weights::open(&without_lora()).unwrap();
    let without = noise(&AdapterWeights::without_lora(adapter));
    assert_eq!(bits(&with_alpha(0.0)), bits(&without));
    assert_ne!(bits(&with_alpha(1.0)), bits(&expected()));
}

#[test]
fn a_lora_is_never_applied_twice() {
    for name in ["faceid.bin", "faceid.safetensors"] {
        let lora = open("faceid_lora.safetensors");
        let error = AdapterWeights::with_separate_lora(open(name), lora, LORA_RANK).unwrap_err();
        assert!(matches!(error, WeightsError::LoraTwice { .. }));
        let message = error.to_string();
        assert!(message.contains(name), "{message}");
        assert!(message.contains("faceid_lora.safetensors"), "{message}");
    }
}

#[test]
fn an_adapter_holds_a_lora_exactly_where_it_should() {
    let unet = Plain::new(DType::F32);
    let adapter = AdapterWeights::new(open("plus_face.bin"), LORA_RANK);
    let error = adapted_unet(&unet.weights(), Some(&adapter))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("plus_face.bin has no tensor ip_adapter.0.to_q_lora.down"),
        "{error}"
    );

    let adapter = AdapterWeights::without_lora(open("faceid.bin"));
    adapted_unet(&unet.weights(), Some(&adapter)).unwrap();
    adapter.image_projection().ignore("");
    let error = adapter.finish().unwrap_err().to_string();
    assert!(
        error.contains("ip_adapter.0.to_k_lora.down.weight"),
        "{error}"
    );
}

#[test]
fn a_separate_lora_has_a_matrix_for_every_attention_and_no_other() {
    let finish = |lora: &tempfile::TempPath| {
        let (adapter, lora) = (without_lora(), Weights::open(lora).unwrap());
        let adapter = Weights::open(&adapter).unwrap();
        let adapter = AdapterWeights::with_separate_lora(adapter, lora, LORA_RANK).unwrap();
        adapted_unet(&Plain::new(DType::F32).weights(), Some(&adapter))
            .map_err(|error| error.to_string())?;
        adapter.image_projection().ignore("");
        adapter.finish().map_err(|error| error.to_string())
    };
    let lora = path("faceid_lora.safetensors");
    let name =
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0.lora_up.weight";
    let missing = rewritten(&lora, |tensors| drop(tensors.remove(name).unwrap()));
    assert!(finish(&missing).unwrap_err().contains(name));
    let extra = rewritten(&lora, |tensors| {
        tensors.insert("lora_te_surplus.alpha".into(), tensor(&[], &[1.0]));
    });
    assert!(
        finish(&extra)
            .unwrap_err()
            .contains("lora_te_surplus.alpha")
    );
}

#[test]
fn a_plus_face_adapter_has_image_keys_and_values_only() {
    let plain = Plain::new(DType::F16);
    let expected = noise(&AdapterWeights::without_lora(plain.weights()));
    for name in ["plus_face.bin", "plus_face.safetensors"] {
        plain.check(&open(name), str::to_owned);
        let found = noise(&AdapterWeights::without_lora(open(name)));
        assert_eq!(bits(&found), bits(&expected), "{name}");
    }
}
