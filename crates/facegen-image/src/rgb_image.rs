use std::fmt;

use thiserror::Error;

/// Bytes per pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// An RGB image: 8 bits a channel, rows from top to bottom, pixels from left
/// to right, no padding. Both sides are at least 1.
///
/// `Debug` prints only the size, because images show people.
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
    /// Fails when a side is 0, or `pixels` is not `width * height * 3` bytes
    /// long.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, ImageSizeError> {
        let expected = width
            .checked_mul(height)
            .and_then(|count| count.checked_mul(CHANNELS))
            .filter(|&bytes| bytes > 0);
        if expected != Some(pixels.len()) {
            return Err(ImageSizeError {
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

    /// Returns a black image to draw into; both sides must be at least 1.
    #[must_use]
    pub fn black(width: usize, height: usize) -> Self {
        debug_assert!(width > 0 && height > 0);
        Self {
            width,
            height,
            pixels: vec![0; width * height * CHANNELS],
        }
    }

    /// Returns the width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Returns all pixels: red, green and blue bytes, row by row.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Returns the pixels, laid out as in [`RgbImage::pixels`].
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Returns the bytes of row `y`.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        let stride = self.width * CHANNELS;
        &self.pixels[y * stride..(y + 1) * stride]
    }

    /// Returns the bytes of row `y`, mutably.
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.width * CHANNELS;
        &mut self.pixels[y * stride..(y + 1) * stride]
    }
}

impl fmt::Debug for RgbImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RgbImage({}x{})", self.width, self.height)
    }
}

/// Why bytes are not an [`RgbImage`]: a side is 0, or there are not exactly
/// three per pixel.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{length} bytes are not the pixels of a {width}x{height} RGB image")]
pub struct ImageSizeError {
    width: usize,
    height: usize,
    length: usize,
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
            assert!(error.to_string().contains("not the pixels"), "{error}");
        }
    }

    #[test]
    fn debug_shows_the_size_and_no_pixel() {
        let image = RgbImage::new(1, 1, vec![201, 202, 203]).unwrap();
        assert_eq!(format!("{image:?}"), "RgbImage(1x1)");
    }
}
