//! The colour spaces of an image.

use super::frame::Frame;

/// A colour space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Grey,
    Rgb,
    /// Luma, and the differences of blue and red.
    YCbCr,
    /// CMYK as Adobe programs write it, inverted: 255 is no ink.
    Cmyk,
    /// The same, with the first three as [`Colours::YCbCr`].
    Ycck,
}

/// The segments that determine the colour space.
#[derive(Debug, Default)]
pub(super) struct ColourMarkers {
    pub(super) is_jfif: bool,
    /// The transform in Adobe's segment.
    pub(super) adobe: Option<u8>,
}

impl ColourMarkers {
    /// Determines the colour space as the reference reader does: by JFIF first,
    /// Adobe's segment next, and then the names of the components.
    pub(super) fn colours(&self, frame: &Frame) -> Colours {
        let names: Vec<u8> = frame
            .components
            .iter()
            .map(|component| component.name)
            .collect();
        match (names.len(), self.adobe) {
            (1, _) => Colours::Grey,
            (3, _) if self.is_jfif => Colours::YCbCr,
            (3, Some(0)) => Colours::Rgb,
            (3, None) if names == *b"RGB" => Colours::Rgb,
            (3, _) => Colours::YCbCr,
            (_, Some(0) | None) => Colours::Cmyk,
            (_, Some(_)) => Colours::Ycck,
        }
    }

    /// Returns whether Adobe's segment names an unknown transform.
    pub(super) fn is_unknown(&self) -> bool {
        self.adobe.is_some_and(|transform| transform > 2)
    }
}

impl Colours {
    /// Writes a row of red, green and blue.
    pub(super) fn write(self, lines: &[Vec<u8>], row: &mut [[u8; 3]]) {
        match (self, lines) {
            (Self::Grey, [grey, ..]) => {
                row.iter_mut()
                    .zip(grey)
                    .for_each(|(pixel, level)| *pixel = [*level; 3]);
            }
            (Self::Rgb, [red, green, blue, ..]) => each(row, red, green, blue, |levels| levels),
            (Self::YCbCr, [luma, blue, red, ..]) => each(row, luma, blue, red, rgb),
            (Self::Cmyk, [cyan, magenta, yellow, black]) => {
                each(row, cyan, magenta, yellow, |levels| levels);
                darken(row, black);
            }
            (Self::Ycck, [luma, blue, red, black]) => {
                each(row, luma, blue, red, |levels| {
                    rgb(levels).map(|level| 255 - level)
                });
                darken(row, black);
            }
            _ => {}
        }
    }
}

#[inline]
fn each(
    row: &mut [[u8; 3]],
    first: &[u8],
    second: &[u8],
    third: &[u8],
    colour: impl Fn([u8; 3]) -> [u8; 3],
) {
    for (((pixel, first), second), third) in row.iter_mut().zip(first).zip(second).zip(third) {
        *pixel = colour([*first, *second, *third]);
    }
}

/// Scales a level by black.
fn darken(row: &mut [[u8; 3]], black: &[u8]) {
    for (pixel, black) in row.iter_mut().zip(black) {
        *pixel = pixel.map(|level| ((u16::from(level) * u16::from(*black) + 127) / 255) as u8);
    }
}

/// Converts to RGB in fixed point: the factors are multiples of 1/65,536.
#[inline]
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (
        i32::from(luma) << 16,
        i32::from(blue) - 128,
        i32::from(red) - 128,
    );
    [
        luma + 91_881 * red,
        luma - 22_554 * blue - 46_802 * red,
        luma + 116_130 * blue,
    ]
    .map(|level| ((level + (1 << 15)) >> 16).clamp(0, 255) as u8)
}
