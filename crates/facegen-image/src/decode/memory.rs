//! How much memory a file takes while it is read.
//!
//! The limit on pixels is made for photos as cameras write them. Files of
//! some kinds take more memory for a pixel, so fewer of their pixels are read.

use image::Limits;

use super::ImageLimits;

/// The most memory for what surrounds the pixels of a file, such as a colour
/// profile, in bytes.
pub(super) const MAX_METADATA: usize = 16_000_000;

impl ImageLimits {
    /// The most memory for pixels, in bytes: 5.5 for each of the largest
    /// image, of which 3 are those that it is read for.
    pub(super) fn max_memory(&self) -> u64 {
        self.max_pixels.saturating_mul(11) / 2
    }

    /// How many pixels are read of a file that takes so many bytes for each.
    pub(super) fn max_pixels_at(&self, bytes_per_pixel: u64) -> u64 {
        let most = self.max_memory() / bytes_per_pixel.max(1);
        self.max_pixels.min(most)
    }

    /// What a decoder may take before the pixels.
    pub(super) fn before_pixels() -> Limits {
        decoder_limits(MAX_METADATA as u64)
    }

    /// What a decoder may take beside `taken` bytes of pixels.
    pub(super) fn beside_pixels(&self, taken: u64) -> Limits {
        decoder_limits(self.max_memory().saturating_sub(taken))
    }
}

fn decoder_limits(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}
