//! CPU kernels: functions on slices of `f32` or `bf16` that compute every layer on the CPU.
//!
//! Chapters, from the ground up:
//! - [`isa`]: which instruction set runs, found out once
//! - [`element`]: the two dtypes, over which everything else is written once
//! - [`bfloat16`]: which instructions multiply bf16, found out once
//! - [`math`]: `exp` and the activations as scalar functions that vectorise
//! - [`geglu`](mod@geglu): the gated GELU
//! - [`packed`]: the right-hand side of a matrix product, packed once at load
//! - [`epilogue`]: what is done to a product before it is stored
//! - [`mod@gemm`]: the blocked matrix product over its register-tile `microkernel`s
//! - [`conv`]: two-dimensional convolution over NHWC images, as a matrix product without im2col
//! - [`mod@attention`]: tiled softmax attention that never holds the whole score matrix
//! - [`norm`]: group and layer normalisation
//! - [`reuse`]: an allocator that keeps large blocks from one layer to the next
//! - [`peak`]: the rate of a kernel where nothing but its arithmetic counts
//!
//! Two promises hold everywhere. **The bytes of an output element depend on its own inputs only**:
//! not on the batch, the number of rows, the threads or the instruction set. Each element of a
//! product is a sum of chains of fused multiply-adds in ascending `k`; every other sum has one
//! fixed order, too. And **work is split by rayon's current pool** in ways that never change these
//! bytes.
//!
//! Layouts are dense and row-major: matrices `[rows][columns]`, images
//! `[batch][height][width][channels]` (NHWC), attention operands `[batch][tokens][heads *
//! head_dim]`. Shapes are the caller's responsibility: a slice of the wrong length panics.

pub mod attention;
pub mod bfloat16;
mod concat;
pub mod conv;
pub mod element;
pub mod epilogue;
mod filled;
pub mod geglu;
pub mod gemm;
pub mod isa;
pub mod math;
mod microkernel;
pub mod norm;
pub mod packed;
pub mod peak;
pub mod reuse;
mod scratch;
#[cfg(test)]
mod testing;

pub use attention::{Attended, AttentionShape, attention, attention_to};
pub use bfloat16::HalfKernel;
pub use concat::concat_rows;
pub use conv::{ConvShape, PHASES, conv2d_enlarged_nhwc, conv2d_nhwc};
pub use element::Element;
pub use epilogue::{Activation, Epilogue};
pub use geglu::geglu;
pub use gemm::{gates_alone, gemm, gemm_geglu};
pub use norm::{GroupNormShape, group_norm_nhwc, layer_norm};
pub use packed::{PackedMatrix, WeightShape};
