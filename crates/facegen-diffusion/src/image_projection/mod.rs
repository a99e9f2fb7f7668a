//! From a face to image tokens.

mod faceid_plus;
mod perceiver;

pub use faceid_plus::FaceIdPlusProjection;
