//! Group normalisation over NHWC and layer normalisation.

mod group;
mod layer;

pub use group::{GroupNormShape, group_norm_nhwc};
pub use layer::layer_norm;
