//! Parses the chunks of a WebP file before it is decoded.

use std::borrow::Cow;

use super::vp8l;

/// The offset of the flags of an extended file, whose header comes first.
const FLAGS: usize = 20;
/// The flags.
const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
const ANIMATION: u8 = 0x02;

/// What the chunks show about a file without decoding it. Of repeated chunks
/// all are parsed, so that it does not matter which one the decoder uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ImageHeader<'b> {
    /// The flags of an extended file.
    flags: u8,
    /// The flags of the chunks that are present.
    held: u8,
    exif: Option<&'b [u8]>,
    is_animated: bool,
    canvas: Option<(u32, u32)>,
    /// The sides of the largest lossy frame.
    lossy: Option<(u32, u32)>,
    /// The most bytes for the prefix codes of a lossless frame or alpha plane.
    codes: u64,
    /// Whether such a stream cannot be parsed.
    is_broken: bool,
}

impl<'b> ImageHeader<'b> {
    /// Parses the chunks of the file, and those of an animation's first frame.
    pub(super) fn read(bytes: &'b [u8]) -> Self {
        let mut header = Self::default();
        if bytes.get(12..16) == Some(b"VP8X") {
            header.flags = bytes.get(FLAGS).copied().unwrap_or(0);
        }
        header.visit(bytes.get(12..).unwrap_or_default(), None);
        header
    }

    /// Parses chunks, those of a frame of that size or of the whole file.
    fn visit(&mut self, mut chunks: &'b [u8], frame: Option<(u32, u32)>) {
        while let Some((name, content, rest)) = split_chunk(chunks) {
            chunks = rest;
            self.held |= match name {
                b"ICCP" => PROFILE,
                b"ALPH" | b"VP8L" => ALPHA,
                b"EXIF" => EXIF,
                b"XMP " => XMP,
                // Its frames may have alpha.
                b"ANMF" => ALPHA | ANIMATION,
                _ => 0,
            };
            match name {
                b"EXIF" => self.exif = self.exif.or(Some(content)),
                b"VP8X" => self.canvas = self.canvas.or(sides(content, 4)),
                b"VP8 " => self.note_lossy(content),
                b"VP8L" => {
                    let size = lossless_size(content);
                    self.note_codes(
                        size.and_then(|size| vp8l::bytes_for_codes(content.get(5..)?, size)),
                    );
                }
                b"ALPH" if content.first().is_some_and(|flags| flags & 3 == 1) => {
                    let size = frame.or(self.canvas);
                    self.note_codes(
                        size.and_then(|size| vp8l::bytes_for_codes(content.get(1..)?, size)),
                    );
                }
                b"ANMF" if !self.is_animated => {
                    self.is_animated = true;
                    self.visit(content.get(16..).unwrap_or_default(), sides(content, 6));
                }
                _ => {}
            }
        }
    }

    /// Clears the flags of missing chunks, which the decoder would refuse.
    pub(super) fn mend(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.flags & !self.held == 0 {
            return Cow::Borrowed(bytes);
        }
        let mut mended = bytes.to_owned();
        if let Some(flags) = mended.get_mut(FLAGS) {
            *flags &= self.held;
        }
        Cow::Owned(mended)
    }

    /// Returns the EXIF data, if the file's flags announce them.
    pub(super) fn exif(&self) -> Option<&'b [u8]> {
        self.exif.filter(|_| self.flags & EXIF != 0)
    }

    fn note_lossy(&mut self, content: &[u8]) {
        let (width, height) = self.lossy.unwrap_or_default();
        let size = frame_size(content);
        self.lossy = size
            .map(|(x, y)| (x.max(width), y.max(height)))
            .or(self.lossy);
    }

    fn note_codes(&mut self, bytes: Option<u64>) {
        self.is_broken |= bytes.is_none();
        self.codes = self.codes.max(bytes.unwrap_or(0));
    }

    /// Returns whether its streams can be parsed, and no lossy frame is larger
    /// than the image. The decoder checks that only after it has allocated the
    /// frame.
    pub(super) fn is_sound(&self, (width, height): (u32, u32)) -> bool {
        let fits = self.lossy.is_none_or(|(frame_width, frame_height)| {
            frame_width <= width && frame_height <= height
        });
        fits && !self.is_broken
    }

    /// Returns whether a frame is lossy.
    pub(super) fn is_lossy(&self) -> bool {
        self.lossy.is_some()
    }

    /// Returns the most bytes that the decoder takes in addition to those per
    /// pixel.
    pub(super) fn bytes_for_codes(&self) -> u64 {
        self.codes
    }

    /// Returns how many bytes per pixel the decoder takes in addition to its
    /// output.
    pub(super) fn extra_bytes(&self, has_alpha: bool) -> u64 {
        match (self.is_animated, self.lossy.is_some(), has_alpha) {
            // The frame and the canvas.
            (true, ..) => 8,
            // YUV planes, and alpha as an image.
            (false, true, true) => 7,
            // YUV planes.
            (false, true, false) => 2,
            (false, false, true) => 0,
            // An image with alpha, which is then dropped.
            (false, false, false) => 4,
        }
    }
}

/// Reads the size in the frame's header (RFC 6386, section 9.1). Two bits of
/// each side are its scale.
fn frame_size(content: &[u8]) -> Option<(u32, u32)> {
    let side = |place: usize| {
        let bytes = [*content.get(place)?, *content.get(place + 1)?];
        Some(u32::from(u16::from_le_bytes(bytes) & 0x3FFF))
    };
    Some((side(6)?, side(8)?))
}

/// Reads the size in the header of a lossless stream.
fn lossless_size(content: &[u8]) -> Option<(u32, u32)> {
    let bytes = content.get(1..)?.first_chunk()?;
    let bits = u32::from_le_bytes(*bytes);
    Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}

/// Reads two sides of three bytes each, at this offset of a chunk.
fn sides(content: &[u8], place: usize) -> Option<(u32, u32)> {
    let side = |place: usize| {
        let [low, middle, high] = *content.get(place..)?.first_chunk()?;
        Some(u32::from_le_bytes([low, middle, high, 0]) + 1)
    };
    Some((side(place)?, side(place + 3)?))
}

/// Splits off the name and the content of the first chunk.
fn split_chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let content = rest.get(..length).unwrap_or(rest);
    let rest = rest.get(length.checked_add(length % 2)?..);
    Some((name, content, rest.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        for (name, content) in chunks {
            file.extend(*name);
            file.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            file.extend(*content);
            file.resize(file.len().next_multiple_of(2), 0);
        }
        file
    }

    const FRAME: &[u8] = &[0, 0, 0, 0x9d, 1, 0x2a, 48, 0x40, 32, 0x80, 7];

    #[test]
    fn the_size_of_a_lossy_frame_is_found_in_stills_and_in_animations() {
        let still = file(&[(b"VP8X", &[0; 10]), (b"ICCP", &[1; 3]), (b"VP8 ", FRAME)]);
        let still = ImageHeader::read(&still);
        assert_eq!((still.is_animated, still.lossy), (false, Some((48, 32))));
        assert!(still.is_sound((48, 32)));
        assert!(!still.is_sound((47, 32)) && !still.is_sound((48, 31)));

        let frames = file(&[(b"ALPH", &[5; 7]), (b"VP8 ", FRAME)]);
        let frame = [&[0; 16], &frames[12..]].concat();
        let animated = file(&[(b"ANIM", &[0; 6]), (b"ANMF", &frame)]);
        let animated = ImageHeader::read(&animated);
        assert_eq!(
            (animated.is_animated, animated.lossy),
            (true, Some((48, 32)))
        );
    }

    #[test]
    fn what_is_cut_off_is_no_frame() {
        let whole = file(&[(b"VP8 ", FRAME)]);
        // The sides end ten bytes after the chunk's header.
        for length in 0..30 {
            assert_eq!(ImageHeader::read(&whole[..length]).lossy, None, "{length}");
        }
    }
}
