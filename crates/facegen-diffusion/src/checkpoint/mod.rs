//! Single-file checkpoints of the original Stable Diffusion, which hold UNet,
//! VAE and text encoder under names of their own.
//!
//! Each function presents one of the models under the names that diffusers and
//! transformers give it, and leaves a checkpoint that has them already as it
//! is. Follows diffusers `loaders/single_file_utils.py`. A tensor below the
//! model's own prefix that has no such name keeps its own, so that it is left
//! over; the other models of the file and averaged copies of the weights
//! (`model_ema`) are not the model's.

mod names;
mod text_encoder;
mod unet;
mod vae;

pub use text_encoder::text_encoder;
pub use unet::unet;
pub use vae::vae;

use facegen_nn::Weights;

/// Whether a checkpoint has tensors below a prefix.
fn has_prefix(weights: &Weights, prefix: &str) -> bool {
    weights.names().iter().any(|name| name.starts_with(prefix))
}
