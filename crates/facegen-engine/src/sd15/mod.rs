//! Stable Diffusion 1.5 with an IP-Adapter.

pub mod denoise;
pub mod face;
mod inputs;
mod pipeline;
pub mod prompt;
mod room;

pub use pipeline::{Sample, StableDiffusionPipeline};
