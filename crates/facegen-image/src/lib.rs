//! Pixels, and the files that they come from and go to. Nothing here knows a network.
//!
//! | chapter | holds |
//! |---|---|
//! | `rgb_image` | [`RgbImage`], the one type of pixels in memory |
//! | [`decode`] | from the bytes of a photo to an upright image |
//! | [`encode`] | images to PNG |
//! | `provenance` | [`Provenance`], what made an image |
//! | `xmp` | what a generated file says of itself |

pub mod decode;
pub mod encode;
mod provenance;
mod rgb_image;
mod xmp;

pub use decode::{ImageLimits, InputImageError, Photo, read_image};
pub use encode::{encode_generated, encode_png};
pub use provenance::Provenance;
pub use rgb_image::{CHANNELS, ImageSizeError, RgbImage};
