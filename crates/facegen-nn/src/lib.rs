//! The building blocks of facegen's models: feature maps, layers, CPU kernels,
//! CLIP, strictly loaded weights and reproducible noise.
//!
//! The layers have three implementations. On the CPU, activations are
//! channels-last and use [`kernels`]; so they are on an NVIDIA GPU in half
//! precision, where they use fused CUDA kernels, cublasLt and cuDNN. Elsewhere
//! they are channels-first and use candle's operations. [`Compute`] picks one at load time, and no
//! model code names either.

pub mod clip;
mod compute;
mod cuda;
mod error;
mod feature_map;
mod fold;
mod host;
pub mod kernels;
pub mod layers;
mod noise;
pub mod packs;
mod self_test;
pub mod weights;

pub use compute::{Compute, Layout};
pub use cuda::{Ledger, Work};
pub use error::{NnError, Result};
pub use feature_map::{FeatureMap, select_rows};
pub use noise::NoiseSource;
pub use weights::{Weights, WeightsError, mistaken_for};
