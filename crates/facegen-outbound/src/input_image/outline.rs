//! What a file tells of itself before a decoder looks at it.

use image::{ColorType, ImageFormat};

use super::{InputImageError, jpeg, webp};

/// Bytes of a finished pixel.
const RGB: u64 = 3;

/// What is known of a file without decoding it.
#[derive(Debug)]
pub(super) enum Outline {
    Jpeg(jpeg::Outline),
    WebP(webp::Outline),
    /// The decoder keeps nothing beside the pixels.
    Plain,
}

impl Outline {
    /// Looks at the parts of the file.
    ///
    /// # Errors
    /// Its pixels are coded in a way that is not read.
    pub(super) fn read(bytes: &[u8], format: ImageFormat) -> Result<Self, InputImageError> {
        if format == ImageFormat::WebP {
            return Ok(Self::WebP(webp::Outline::read(bytes)));
        }
        if format != ImageFormat::Jpeg {
            return Ok(Self::Plain);
        }
        let outline = jpeg::Outline::read(bytes);
        if outline.is_unsupported() {
            return Err(InputImageError::Unsupported(None));
        }
        Ok(Self::Jpeg(outline))
    }

    /// How many bytes each pixel of a picture of `size` takes while it is read,
    /// if its decoder gives it as `decoded`.
    ///
    /// # Errors
    /// The file ends early or contradicts itself.
    pub(super) fn bytes_per_pixel(
        &self,
        size: (u32, u32),
        decoded: ColorType,
    ) -> Result<u64, InputImageError> {
        let beside = match self {
            Self::Jpeg(outline) if outline.is_complete => outline.kept_bytes_per_pixel(),
            Self::WebP(outline) if outline.is_sound(size) => {
                outline.bytes_beside(decoded.has_alpha())
            }
            Self::Jpeg(_) | Self::WebP(_) => return Err(InputImageError::Damaged(None)),
            Self::Plain => 0,
        };
        Ok(u64::from(decoded.bytes_per_pixel()).max(RGB) + beside)
    }

    /// How many bytes its decoder takes beside all pixels.
    pub(super) fn bytes_beside_pixels(&self) -> u64 {
        match self {
            Self::WebP(outline) => outline.bytes_for_codes(),
            Self::Jpeg(_) | Self::Plain => 0,
        }
    }
}
