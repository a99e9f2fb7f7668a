//! Limits on memory while a file is decoded.
//!
//! The limit on pixels is meant for photos of cameras. Some kinds of files take
//! more memory per pixel, so their limit is lower.

use image::Limits;

use super::ImageLimits;

/// The most memory for metadata of a file, such as a colour profile, in bytes.
pub(super) const MAX_METADATA: usize = 16_000_000;

impl ImageLimits {
    /// Returns the most memory for pixels, in bytes: 5.5 per pixel of the
    /// largest image, of which 3 are the output.
    pub(super) fn max_memory(&self) -> u64 {
        self.max_pixels.saturating_mul(11) / 2
    }

    /// Returns the limit on pixels of a file that takes so many bytes for each.
    pub(super) fn max_pixels_at(&self, bytes_per_pixel: u64) -> u64 {
        let most = self.max_memory() / bytes_per_pixel.max(1);
        self.max_pixels.min(most)
    }

    /// Returns the limits of a decoder before it decodes pixels.
    pub(super) fn before_pixels() -> Limits {
        decoder_limits(MAX_METADATA as u64)
    }

    /// Returns the limits of a decoder in addition to `taken` bytes of pixels.
    pub(super) fn after_pixels(&self, taken: u64) -> Limits {
        decoder_limits(self.max_memory().saturating_sub(taken))
    }
}

fn decoder_limits(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}
