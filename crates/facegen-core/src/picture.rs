//! An RGB picture in memory, the one form in which photographs enter the
//! engine and finished pictures leave it.

use std::fmt;

use thiserror::Error;

/// Bytes of one pixel: red, green, blue.
const CHANNELS: usize = 3;

/// An RGB picture: 8 bits a channel, rows from top to bottom, pixels from left
/// to right, no padding. `rgb.len() == width * height * 3` always holds.
///
/// `Debug` prints the size only: pictures show people.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Wraps `rgb` as a picture of `width` × `height` pixels.
    ///
    /// # Errors
    /// [`PictureError::Empty`] when a side is 0, [`PictureError::WrongLength`]
    /// when `rgb` does not hold exactly three bytes a pixel.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        if width == 0 || height == 0 {
            return Err(PictureError::Empty { width, height });
        }
        if byte_length(width, height) != Some(rgb.len()) {
            return Err(PictureError::WrongLength {
                width,
                height,
                length: rgb.len(),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// The width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels: red, green and blue bytes, row after row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Gives the pixels away, laid out as in [`Picture::rgb`].
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Picture({}x{})", self.width, self.height)
    }
}

/// `width * height * 3`, or `None` where that is more than a `usize` can count.
fn byte_length(width: u32, height: u32) -> Option<usize> {
    usize::try_from(width)
        .ok()?
        .checked_mul(usize::try_from(height).ok()?)?
        .checked_mul(CHANNELS)
}

/// Why bytes are not a [`Picture`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PictureError {
    /// A side of 0 pixels.
    #[error("a picture of {width}x{height} pixels has no pixels")]
    Empty {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// The bytes are more or fewer than three a pixel.
    #[error("{length} bytes are not the pixels of a {width}x{height} RGB picture")]
    WrongLength {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
        /// How many bytes were given.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bytes_a_pixel_make_a_picture() {
        let picture = Picture::new(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!((picture.width(), picture.height()), (2, 1));
        assert_eq!(picture.rgb(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(picture.into_rgb(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn other_lengths_and_empty_sides_are_refused() {
        assert!(matches!(
            Picture::new(2, 1, vec![0; 5]),
            Err(PictureError::WrongLength { length: 5, .. })
        ));
        assert!(matches!(
            Picture::new(0, 4, Vec::new()),
            Err(PictureError::Empty { .. })
        ));
        assert!(Picture::new(u32::MAX, u32::MAX, vec![0; 3]).is_err());
    }

    #[test]
    fn debug_shows_the_size_and_no_pixel() {
        let picture = Picture::new(1, 1, vec![201, 202, 203]).unwrap();
        assert_eq!(format!("{picture:?}"), "Picture(1x1)");
    }
}
