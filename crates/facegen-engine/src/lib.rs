//! Loads presets and generates images with them.
//!
//! | chapter | holds |
//! |---|---|
//! | [`load`] | loading the models of a preset |
//! | [`footprint`] | the memory that a preset's weights take |
//! | [`synthetic`] | seeded weights for presets without weights |
//! | [`precision`] | the kernels for a dtype on this machine |
//! | [`pipeline`] | [`Pipeline`], the port between the backend and a family of models |
//! | [`sd15`] | the pipeline of Stable Diffusion 1.5 |
//! | [`backend`] | [`CandleBackend`], the engine's side of the port in `facegen-core` |
//! | [`device`] | the choice between CPU, CUDA and Metal |

pub mod backend;
pub mod device;
mod device_fault;
mod error;
pub mod footprint;
pub mod load;
pub mod pipeline;
pub mod precision;
pub mod sd15;
pub mod synthetic;

pub use backend::{CandleBackend, FirstInFirstOut, PipelineBackend, SafetyStage, StepPolicy};
pub use device::DeviceChoice;
pub use error::EngineError;
pub use facegen_nn::kernels::reuse::Reusing;
pub use footprint::Footprint;
pub use load::{
    LoadOptions, LoadProgress, LoadStep, Models, PackProgress, Packs, SafetyPolicy, can_load,
    verify_pack,
};
pub use pipeline::{BatchAdvice, Pipeline};
