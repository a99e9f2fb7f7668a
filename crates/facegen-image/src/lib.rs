//! Images in memory, and decoding and encoding of image files. Does not use the
//! network.
//!
//! | module | holds |
//! |---|---|
//! | `rgb_image` | [`RgbImage`], an image in memory |
//! | [`decode`] | decoding of photos to upright images |
//! | [`encode`] | encoding of images as PNG |
//! | `file_format` | [`FileFormat`]: encoding as PNG, JPEG or WebP |
//! | `provenance` | [`Provenance`], the program that generated an image, and how |
//! | `xmp` | the XMP metadata of generated images |

pub mod decode;
pub mod encode;
mod file_format;
mod provenance;
mod rgb_image;
mod xmp;

pub use decode::{ImageLimits, InputImageError, Photo, read_image};
pub use encode::{encode_generated, encode_png};
pub use file_format::{EncodeError, FileFormat};
pub use provenance::{Parameters, Provenance};
pub use rgb_image::{CHANNELS, ImageSizeError, RgbImage};
