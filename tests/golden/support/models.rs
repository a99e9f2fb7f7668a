use candle_core::{DType, Device};
use facegen_diffusion::{
    AdapterWeights, AutoencoderKl, FaceIdPlusConfig, FaceIdPlusProjection, UNet2DConditionModel,
};
use facegen_nn::clip::{ClipTextModel, ClipVisionModel};
use facegen_nn::{Compute, Layout};
use serde::de::DeserializeOwned;

use super::{data, golden_weights};

/// Rank of the golden adapter's LoRA.
const LORA_RANK: usize = 4;

/// Returns f32 on the CPU, by the CPU's kernels.
pub(crate) fn native() -> Compute {
    Compute::new(Device::Cpu, DType::F32)
}

/// Returns f32 on the CPU, by the path that GPUs take.
pub(crate) fn gpu_path() -> Compute {
    native().with_layout(Layout::Nchw).unwrap()
}

/// Reads `data/NAME.config.json`.
pub(crate) fn config<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(data(&format!("{name}.config.json"))).unwrap())
        .unwrap()
}

pub(crate) fn clip_text(compute: &Compute) -> ClipTextModel {
    let weights = golden_weights("clip_text");
    let model = ClipTextModel::load(&config("clip_text"), &weights, compute).unwrap();
    weights.finish().unwrap();
    model
}

pub(crate) fn clip_vision(name: &str, compute: &Compute) -> ClipVisionModel {
    let weights = golden_weights(name);
    let model = ClipVisionModel::load(&config(name), &weights, compute).unwrap();
    weights.finish().unwrap();
    model
}

/// Returns the UNet with its adapter, and the adapter's projection.
pub(crate) fn unet_and_projection(
    compute: &Compute,
) -> (UNet2DConditionModel, FaceIdPlusProjection) {
    let (weights, adapter) = (
        golden_weights("unet"),
        AdapterWeights::new(golden_weights("adapter"), LORA_RANK),
    );
    let unet =
        UNet2DConditionModel::load(&config("unet"), &weights, Some(&adapter), compute).unwrap();
    let face_id = FaceIdPlusConfig {
        cross_attention_dim: 128,
        clip_embedding_dim: 128,
        id_embedding_dim: 512,
        num_tokens: 4,
        lora_rank: LORA_RANK,
    };
    let projection =
        FaceIdPlusProjection::load(&face_id, &adapter.image_projection(), compute).unwrap();
    weights.finish().unwrap();
    adapter.finish().unwrap();
    (unet, projection)
}

/// Returns a VAE: `name` is `vae`, or `vae_old` for the older names of its attention.
pub(crate) fn vae(name: &str, compute: &Compute) -> AutoencoderKl {
    let weights = golden_weights(name);
    let model = AutoencoderKl::load(&config("vae"), &weights, compute).unwrap();
    weights.finish().unwrap();
    model
}
