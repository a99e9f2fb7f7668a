//! The building blocks of facegen's models: feature maps, layers, CPU kernels,
//! CLIP, strictly loaded weights and reproducible noise.
//!
//! The layers have two implementations. On the CPU, activations are
//! channels-last and use [`kernels`]; on CUDA and Metal they are channels-first
//! and use candle's operations. [`Compute`] picks one at load time, and no
//! model code names either.

pub mod clip;
mod compute;
mod error;
mod feature_map;
mod host;
pub mod kernels;
pub mod layers;
mod noise;
pub mod weights;

pub use compute::{Compute, Layout};
pub use error::{NnError, Result};
pub use feature_map::FeatureMap;
pub use noise::NoiseSource;
pub use weights::{Weights, WeightsError, mistaken_for};
