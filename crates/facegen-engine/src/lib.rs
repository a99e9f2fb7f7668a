//! From a preset to pictures.
//!
//! | chapter | holds |
//! |---|---|
//! | [`preset`] | `models/*.toml`: which files make up a model, their licences and options |
//! | [`hub`] | weights of a hub: fetched, verified, found |
//! | [`load`] | the models of a preset in memory, whatever their files are |
//! | [`inspect()`] | which files those are on this machine |
//! | [`synthetic`] | seeded weights for presets that ship none |
//! | [`pipeline`] | [`Pipeline`], the port between the backend and a family of models |
//! | [`sd15`] | the pipeline of Stable Diffusion 1.5 |
//! | [`backend`] | [`CandleBackend`], the engine's side of the port in `facegen-core` |
//! | [`device`] | the choice between CPU, CUDA and Metal |
//! | [`encode`] | pictures to PNG |
//! | `provenance` | what a generated picture says of itself |

pub mod backend;
pub mod device;
mod device_fault;
pub mod encode;
mod error;
pub mod hub;
mod inspect;
pub mod load;
pub mod pipeline;
pub mod preset;
mod provenance;
pub mod sd15;
pub mod synthetic;

pub use backend::{CandleBackend, FirstInFirstOut, PipelineBackend, SafetyStage, StepPolicy};
pub use device::DeviceChoice;
pub use encode::{encode_generated, encode_png};
pub use error::EngineError;
pub use inspect::{ComponentFile, FoundFile, inspect};
pub use load::{LoadOptions, LoadProgress, LoadStep, Models, SafetyPolicy, can_load};
pub use pipeline::Pipeline;
pub use preset::Preset;
