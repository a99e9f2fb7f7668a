//! An RGB picture in memory.

use std::fmt;

use crate::error::VisionError;

/// Bytes of one pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// An RGB picture: 8 bits a channel, rows from top to bottom, pixels from left
/// to right, no padding. Both sides are at least 1.
///
/// `Debug` prints the size only: pictures show people.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// Wraps interleaved RGB bytes.
    ///
    /// # Errors
    /// [`VisionError::ImageSize`] when a side is 0 or `pixels` does not hold
    /// exactly `width * height * 3` bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, VisionError> {
        let expected = width
            .checked_mul(height)
            .and_then(|count| count.checked_mul(CHANNELS))
            .filter(|&bytes| bytes > 0);
        if expected != Some(pixels.len()) {
            return Err(VisionError::ImageSize {
                width,
                height,
                length: pixels.len(),
            });
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// A black picture to draw into; the caller vouches for both sides being at least 1.
    pub(crate) fn black(width: usize, height: usize) -> Self {
        debug_assert!(width > 0 && height > 0);
        Self {
            width,
            height,
            pixels: vec![0; width * height * CHANNELS],
        }
    }

    /// The width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels: red, green and blue bytes, row after row.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the pixels away, laid out as in [`RgbImage::pixels`].
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The bytes of row `y`.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        let stride = self.width * CHANNELS;
        &self.pixels[y * stride..(y + 1) * stride]
    }

    /// The bytes of row `y`, to be written.
    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.width * CHANNELS;
        &mut self.pixels[y * stride..(y + 1) * stride]
    }
}

impl fmt::Debug for RgbImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RgbImage({}x{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bytes_a_pixel_make_an_image() {
        let image = RgbImage::new(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!((image.width(), image.height()), (1, 2));
        assert_eq!(image.row(1), [4, 5, 6]);
        assert_eq!(image.into_pixels(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn other_lengths_and_empty_sides_are_refused() {
        for (width, height, length) in [(2, 1, 5), (0, 4, 0), (4, 0, 0), (usize::MAX, 2, 6)] {
            let error = RgbImage::new(width, height, vec![0; length]).unwrap_err();
            assert!(matches!(error, VisionError::ImageSize { .. }), "{error}");
        }
    }

    #[test]
    fn debug_shows_the_size_and_no_pixel() {
        let image = RgbImage::new(1, 1, vec![201, 202, 203]).unwrap();
        assert_eq!(format!("{image:?}"), "RgbImage(1x1)");
    }
}
