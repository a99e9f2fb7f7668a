//! What the segments of a JPEG file (ITU-T T.81, annex B) tell before a decoder
//! looks at it.
//!
//! The decoder fills what a truncated file lacks with grey and reports
//! success. A face that is half grey would still be found and quietly make
//! pictures of somebody else, so completeness is checked before. So is what the
//! decoder has to keep: a file of one scan goes through its hands row by row,
//! one whose scans refine each other stays there whole.

/// Start of scan: entropy-coded data follows its header.
const START_OF_SCAN: u8 = 0xDA;
/// The end of the image.
const END_OF_IMAGE: u8 = 0xD9;
/// The frame of a picture whose scans refine each other.
const PROGRESSIVE: u8 = 0xC2;

/// What is known of a file without decoding it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Whether its segments lead from its start to an end-of-image marker. What
    /// follows that marker does not matter.
    pub(super) is_complete: bool,
    frame: Option<Frame>,
    /// How many components the first scan has.
    scanned: Option<u8>,
}

/// The header of a frame.
#[derive(Debug)]
struct Frame {
    marker: u8,
    components: u8,
    /// Samples of all components in one group, and pixels that it covers.
    samples: u64,
    pixels: u64,
}

impl Outline {
    /// Reads the segments of the file.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut outline = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let Some((marker, after)) = next_marker(rest) {
            rest = match marker {
                END_OF_IMAGE => {
                    outline.is_complete = true;
                    break;
                }
                _ if is_standalone(marker) => after,
                _ => {
                    let Some((content, after)) = split_segment(after) else {
                        break;
                    };
                    outline.note(marker, content);
                    if marker == START_OF_SCAN {
                        skip_entropy_coded(after)
                    } else {
                        after
                    }
                }
            };
        }
        outline
    }

    /// Whether its pixels are coded in a way that is hardly ever used and that
    /// the decoder does not know: without loss, or arithmetically.
    pub(super) fn is_unsupported(&self) -> bool {
        self.frame
            .as_ref()
            .is_some_and(|frame| !matches!(frame.marker, 0xC0..=0xC2))
    }

    /// How many bytes the decoder keeps for every pixel until it has seen all
    /// scans: two for each sample, unless there is but one scan.
    pub(super) fn kept_bytes_per_pixel(&self) -> u64 {
        let Some(frame) = &self.frame else {
            return 0;
        };
        let is_one_scan = self.scanned == Some(frame.components);
        if is_one_scan && frame.marker != PROGRESSIVE {
            return 0;
        }
        (2 * frame.samples).div_ceil(frame.pixels.max(1))
    }

    fn note(&mut self, marker: u8, content: &[u8]) {
        if is_frame(marker) && self.frame.is_none() {
            self.frame = Frame::read(marker, content);
        } else if marker == START_OF_SCAN && self.scanned.is_none() {
            self.scanned = content.first().copied();
        }
    }
}

impl Frame {
    fn read(marker: u8, content: &[u8]) -> Option<Self> {
        let (components, specifications) = content.get(5..)?.split_first()?;
        let factors = specifications.chunks_exact(3).map(|specification| {
            let factors = u64::from(specification[1]);
            (factors >> 4, factors & 0xF)
        });
        let (width, height) = factors.clone().fold((1, 1), |(width, height), (x, y)| {
            (x.max(width), y.max(height))
        });
        Some(Self {
            marker,
            components: *components,
            samples: factors.map(|(x, y)| x * y).sum(),
            pixels: width * height,
        })
    }
}

/// The next marker's second byte and what follows it. Stray bytes before a
/// marker are passed over, as decoders do.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xFF)?;
    let after_fill = bytes.get(start..)?;
    let length = after_fill.iter().position(|byte| *byte != 0xFF)?;
    let (marker, after) = after_fill.get(length..)?.split_first()?;
    Some((*marker, after))
}

/// Markers without a segment: stuffed zeros, TEM, restarts, start of image.
fn is_standalone(marker: u8) -> bool {
    matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8)
}

/// The markers of frames; three others lie among them.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// The content of the segment whose two length bytes come first, and what
/// follows it.
fn split_segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    let (segment, after) = bytes.split_at_checked(usize::from(length.max(2)))?;
    Some((segment.get(2..)?, after))
}

/// Skips to the first marker that is neither a stuffed zero nor a restart.
fn skip_entropy_coded(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF));
    end.and_then(|end| bytes.get(end..)).unwrap_or_default()
}
