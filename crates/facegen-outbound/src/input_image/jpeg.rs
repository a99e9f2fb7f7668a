//! Whether a JPEG file is all there.
//!
//! The decoder fills what a truncated file lacks with grey and reports
//! success. A face that is half grey would still be found and quietly make
//! pictures of somebody else, so completeness is checked before.

/// Start of scan: entropy-coded data follows its header.
const START_OF_SCAN: u8 = 0xDA;
/// The end of the image.
const END_OF_IMAGE: u8 = 0xD9;

/// Whether the segments of the file (ITU-T T.81, annex B) lead from its start
/// to an end-of-image marker. What follows that marker does not matter.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some((marker, after)) = next_marker(rest) {
        rest = match marker {
            END_OF_IMAGE => return true,
            _ if is_standalone(marker) => after,
            _ => match skip_segment(after) {
                Some(segment_end) if marker == START_OF_SCAN => skip_entropy_coded(segment_end),
                Some(segment_end) => segment_end,
                None => return false,
            },
        };
    }
    false
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

/// What follows the segment whose two length bytes come first.
fn skip_segment(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    bytes.get(usize::from(length.max(2))..)
}

/// Skips to the first marker that is neither a stuffed zero nor a restart.
fn skip_entropy_coded(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF));
    end.and_then(|end| bytes.get(end..)).unwrap_or_default()
}
