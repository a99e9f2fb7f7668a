//! Everything that comes from the outside or goes there.
//!
//! | chapter | holds |
//! |---|---|
//! | [`input_image`] | from the bytes of a photograph to upright RGB pixels |

pub mod input_image;

pub use input_image::{ImageLimits, InputImageError, read_image};
