//! The layers on an NVIDIA GPU: channels last in f16 or bf16, by fused kernels of this crate
//! (`cuda/*.cu`), cublasLt and cuDNN.
//!
//! The graph is that of the CPU kernels: the same layers fuse the same operations. All sums are
//! f32. Everything runs on one stream, so memory is reused in its order and no call waits for
//! another. candle takes the stream of the thread: the one that loads a model has to run it.
//!
//! Every launch goes through [`Gpu`], which counts it. A [`Gpu`] without a device counts alone, so
//! that a test can hold a step to its budget on any machine.

mod attention;
mod attention_table;
mod conv;
mod conv_call;
#[cfg(feature = "cudnn")]
mod cublas_lt;
#[cfg(feature = "cudnn")]
mod cudnn;
#[cfg(feature = "cudnn")]
mod device;
mod gpu;
#[cfg(feature = "cudnn")]
mod handles;
mod launch;
mod ledger;
mod matmul;
mod norm;
mod pointwise;
mod tensors;
mod upsample_conv;
mod wide_attention;

pub(crate) use attention::{attends, attention, decoupled_attention};
pub(crate) use attention_table::AttentionTable;
pub(crate) use conv::Filter;
pub(crate) use gpu::Gpu;
pub use ledger::{Ledger, Work};
pub(crate) use matmul::Matrix;
pub(crate) use norm::{Affine, group_norm, layer_norm};
pub(crate) use pointwise::{activate, concat_channels, geglu, upsample_nearest};
pub(crate) use upsample_conv::UpsamplingFilter;
pub(crate) use wide_attention::wide_attention;

/// The result of a tensor operation; calls of the libraries have errors of their own.
type Result<T, E = candle_core::Error> = std::result::Result<T, E>;
