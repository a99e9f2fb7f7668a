//! Single-file checkpoints of the original Stable Diffusion, which hold UNet,
//! VAE and text encoder under their original names.
//!
//! Each function presents one of the models under the names of diffusers and
//! transformers, and leaves a checkpoint that already has them unchanged.
//! Follows diffusers `loaders/single_file_utils.py`. A tensor below the model's
//! own prefix without such a name keeps its own, so that it is left over; the
//! other models of the file and averaged copies of the weights (`model_ema`)
//! are not the model's.

mod names;
mod text_encoder;
mod unet;
mod vae;

pub use text_encoder::text_encoder;
pub use unet::unet;
pub use vae::vae;

use facegen_nn::Weights;

/// Returns whether a checkpoint has tensors below a prefix.
fn has_prefix(weights: &Weights, prefix: &str) -> bool {
    weights.names().iter().any(|name| name.starts_with(prefix))
}
