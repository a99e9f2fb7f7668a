//! Layers that hold their weights packed for one [`Compute`](crate::Compute)
//! and compute with it.

mod activation;
mod attention;
mod conv;
mod geglu;
mod group_norm;
mod layer_norm;
mod linear;
mod linear_group;
mod packed;

pub use activation::Activation;
pub use attention::{Attention, DecoupledRow, DecoupledTable, KeyValue};
pub use conv::{Conv2d, Conv2dConfig, Epilogue};
pub use geglu::geglu;
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use linear_group::LinearGroup;
