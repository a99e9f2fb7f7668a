//! CLIP, both halves: the text encoder of Stable Diffusion and the image
//! encoders of the adapter and of the safety checker.
//!
//! Follows transformers `models/clip/modeling_clip.py`; candle's own CLIP has
//! one activation only and leaves out hidden states that the adapter reads.

mod config;
mod encoder;
mod parameters;
mod text;
mod vision;

pub use config::{ClipTextConfig, ClipVisionConfig};
pub use text::ClipTextModel;
pub use vision::ClipVisionModel;
