//! Warnings about defects of a file that was decoded nevertheless.

use std::fmt;

/// A defect that viewers accept silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warning {
    /// Pixels are missing.
    Incomplete,
    /// The pixel data are damaged.
    Damaged,
    /// All pixels are present, but not the end marker.
    NoEnd,
    /// A JPEG without Huffman tables.
    StandardTables,
    /// A JPEG with an unknown colour transform.
    UnknownTransform,
    /// A WebP without a chunk that its header announces.
    MissingChunk,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Incomplete => {
                "face_image ends early or has gaps: the part of it that is missing is grey"
            }
            Self::Damaged => "face_image is damaged: some of its pixels may be wrong",
            Self::NoEnd => "face_image has no end marker: it may have been cut off",
            Self::StandardTables => "face_image lacks Huffman tables: the standard ones were used",
            Self::UnknownTransform => {
                "face_image names an unknown colour transform: it was read as YCbCr"
            }
            Self::MissingChunk => "face_image announces data that it does not hold",
        })
    }
}

/// The warnings about one file, each once.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    pub(super) fn add(&mut self, warning: Warning) {
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.0.iter().map(Warning::to_string).collect()
    }
}
