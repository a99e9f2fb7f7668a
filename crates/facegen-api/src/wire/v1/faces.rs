//! The faces of a photo.

use facegen_core::FoundFace;
use facegen_jobs::FoundFaces;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::words;

/// The faces of a photo.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacesBody {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// The width of the photo in pixels, after its EXIF rotation.
    width: usize,
    /// The height of the photo.
    height: usize,
    /// The faces: the one that images would be made of first, then the others by
    /// their score.
    faces: Vec<FaceBody>,
}

/// One face.
#[derive(Serialize, ToSchema)]
#[schema(as = Face)]
#[serde(deny_unknown_fields)]
struct FaceBody {
    /// Left, top, right and bottom in pixels of the photo.
    #[serde(rename = "box")]
    #[schema(value_type = Vec<f32>, min_items = 4, max_items = 4)]
    bounding_box: [f32; 4],
    /// The detector's confidence, from 0 to 1.
    score: f32,
}

impl From<&FoundFaces> for FacesBody {
    fn from(found: &FoundFaces) -> Self {
        Self {
            status: "success",
            width: found.width,
            height: found.height,
            faces: found.faces.iter().map(FaceBody::from).collect(),
        }
    }
}

impl From<&FoundFace> for FaceBody {
    fn from(face: &FoundFace) -> Self {
        Self {
            bounding_box: face.bounding_box,
            score: face.score,
        }
    }
}
