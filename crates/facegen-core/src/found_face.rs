//! The faces that are found in a photo.

/// A face in a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundFace {
    /// The detector's confidence, from 0 to 1.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the upright photo, within it.
    pub bounding_box: [f32; 4],
}
