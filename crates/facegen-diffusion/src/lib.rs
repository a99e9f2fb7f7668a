//! Stable Diffusion 1.5 with the decoupled cross-attention of IP-Adapter.
//!
//! The models take `&self` and plain arguments and keep nothing of a request:
//! an image's conditioning is passed as a [`Conditioning`].
//!
//! candle's own Stable Diffusion is not usable here: its attention does not
//! support image tokens, its GEGLU uses the tanh approximation of gelu, and it
//! computes the time embedding in the dtype of the model.

mod adapter;
pub mod checkpoint;
mod conditioning;
mod guidance;
pub mod image_projection;
mod lora;
mod operations;
mod parameters;
mod resnet;
pub mod schedulers;
pub mod unet;
pub mod vae;

pub use adapter::{AdapterWeights, FaceIdPlusConfig};
pub use conditioning::{Conditioning, ImagePrompt};
pub use guidance::classifier_free_guidance;
pub use image_projection::{FaceIdPlusProjection, PlusFaceConfig, PlusFaceProjection};
pub use schedulers::{DdimConfig, DdimScheduler, Scheduler, SchedulerConfig};
pub use unet::{PreparedConditioning, UNet2DConditionConfig, UNet2DConditionModel};
pub use vae::{AutoencoderKl, AutoencoderKlConfig, Decode, PartialDecode};
