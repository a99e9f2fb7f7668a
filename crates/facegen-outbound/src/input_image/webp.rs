//! What the chunks of a WebP file tell before a decoder looks at it.

/// What is known of a file without decoding it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    is_animated: bool,
    /// The size of the first frame, where that is a lossy one.
    lossy: Option<(u32, u32)>,
}

impl Outline {
    /// Reads the chunks of the file up to its first frame.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut outline = Self::default();
        let mut chunks = bytes.get(12..).unwrap_or_default();
        while let Some((name, content, rest)) = split_chunk(chunks) {
            chunks = match name {
                b"VP8 " => {
                    outline.lossy = frame_size(content);
                    break;
                }
                b"VP8L" => break,
                // The frame's place and size, then chunks of its own.
                b"ANMF" if !outline.is_animated => {
                    outline.is_animated = true;
                    content.get(16..).unwrap_or_default()
                }
                _ => rest,
            };
        }
        outline
    }

    /// Whether the first frame has at most the size of the picture. The decoder
    /// would find out after it has taken the memory for what the frame claims.
    pub(super) fn fits(&self, (width, height): (u32, u32)) -> bool {
        self.lossy.is_none_or(|(frame_width, frame_height)| {
            frame_width <= width && frame_height <= height
        })
    }

    /// How many bytes the decoder takes for every pixel beside those that it
    /// gives.
    pub(super) fn bytes_beside(&self, has_alpha: bool) -> u64 {
        match (self.is_animated, self.lossy.is_some(), has_alpha) {
            // The frame and the canvas that it is put on.
            (true, ..) => 8,
            // The picture's own colours, and transparency as a picture.
            (false, true, true) => 7,
            // The picture's own colours.
            (false, true, false) => 2,
            (false, false, true) => 0,
            // A picture with transparency, which is not asked for.
            (false, false, false) => 4,
        }
    }
}

/// The size in the frame's header (RFC 6386, section 9.1). Two bits of each
/// side are its scale.
fn frame_size(content: &[u8]) -> Option<(u32, u32)> {
    let side = |place: usize| {
        let bytes = [*content.get(place)?, *content.get(place + 1)?];
        Some(u32::from(u16::from_le_bytes(bytes) & 0x3FFF))
    };
    Some((side(6)?, side(8)?))
}

/// The name and the content of the first chunk, and what follows it.
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
        let still = Outline::read(&still);
        assert_eq!((still.is_animated, still.lossy), (false, Some((48, 32))));
        assert!(still.fits((48, 32)) && !still.fits((47, 32)) && !still.fits((48, 31)));

        let frames = file(&[(b"ALPH", &[5; 7]), (b"VP8 ", FRAME)]);
        let frame = [&[0; 16], &frames[12..]].concat();
        let animated = Outline::read(&file(&[(b"ANIM", &[0; 6]), (b"ANMF", &frame)]));
        assert_eq!(
            (animated.is_animated, animated.lossy),
            (true, Some((48, 32)))
        );
    }

    #[test]
    fn a_lossless_frame_is_held_to_the_size_of_the_picture_by_its_decoder() {
        let outline = Outline::read(&file(&[(b"VP8L", &[0x2f]), (b"VP8 ", FRAME)]));
        assert_eq!(outline, Outline::default());
        assert!(outline.fits((1, 1)));
    }

    #[test]
    fn what_is_cut_off_is_no_frame() {
        let whole = file(&[(b"VP8 ", FRAME)]);
        // The sides end ten bytes after the chunk's own head.
        for length in 0..30 {
            assert_eq!(Outline::read(&whole[..length]).lossy, None, "{length}");
        }
    }
}
