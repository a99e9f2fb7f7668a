//! Projects a face to image tokens.

mod faceid_plus;
mod perceiver;
mod plus_face;

pub use faceid_plus::FaceIdPlusProjection;
pub use plus_face::{PlusFaceConfig, PlusFaceProjection};
