//! The segments of a file, one after the other.

use super::bits::END_OF_FILE;

/// The marker of the end of the image.
const END_OF_IMAGE: u8 = 0xD9;

/// Iterates over segments. Bytes between them are skipped.
#[derive(Debug)]
pub(super) struct Segments<'b> {
    rest: &'b [u8],
    /// A marker that was already read.
    marker: Option<u8>,
    /// Whether the end marker was found.
    pub(super) has_end: bool,
}

impl<'b> Segments<'b> {
    pub(super) fn new(rest: &'b [u8]) -> Self {
        Self {
            rest,
            marker: None,
            has_end: false,
        }
    }

    /// Returns the marker and the content of the next segment. `None` at the
    /// end of the image, or of the file.
    pub(super) fn next(&mut self) -> Option<(u8, &'b [u8])> {
        loop {
            let marker = self.next_marker()?;
            if marker == END_OF_IMAGE {
                self.has_end = true;
                return None;
            }
            if !is_standalone(marker) {
                let length = u16::from_be_bytes(*self.rest.first_chunk()?);
                let (segment, rest) = self.rest.split_at_checked(usize::from(length.max(2)))?;
                self.rest = rest;
                return Some((marker, segment.get(2..)?));
            }
        }
    }

    fn next_marker(&mut self) -> Option<u8> {
        if let Some(marker) = self.marker.take() {
            return Some(marker);
        }
        let start = self.rest.iter().position(|byte| *byte == 0xFF)?;
        let filled = self.rest.get(start..)?;
        let length = filled.iter().position(|byte| *byte != 0xFF)?;
        let (marker, rest) = filled.get(length..)?.split_first()?;
        self.rest = rest;
        Some(*marker)
    }

    /// Returns the bytes after the last segment.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Continues at `rest`, after a marker if that was already read.
    pub(super) fn go_on(&mut self, marker: Option<u8>, rest: &'b [u8]) {
        self.marker = marker.filter(|marker| *marker != END_OF_FILE);
        self.rest = rest;
    }
}

/// Returns whether a marker has no segment: stuffed zeros, TEM, restarts, start
/// of image.
fn is_standalone(marker: u8) -> bool {
    matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8)
}
