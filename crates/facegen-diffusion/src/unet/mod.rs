//! The denoiser: `UNet2DConditionModel` in the layout of Stable Diffusion 1.5.
//!
//! Follows diffusers `models/unets/unet_2d_condition.py`, and for the image
//! branch of the cross-attention IP-Adapter
//! `ip_adapter/attention_processor_faceid.py` at 62e4af9.

mod attention_names;
mod blocks;
pub(crate) mod config;
mod context;
mod cross_attention;
mod load;
mod model;
mod prepared;
mod self_attention;
mod time_embedding;
mod transformer;

pub use config::{HeadCounts, UNet2DConditionConfig};
pub use model::UNet2DConditionModel;
pub use prepared::PreparedConditioning;
pub use time_embedding::timestep_embedding;
