//! What the server says of itself.

use facegen_core::request::SizeLimits;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Capabilities, SafetyChecking};

/// The server, and what its preset offers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Index<'a> {
    name: &'static str,
    version: &'static str,
    make_gen: &'static str,
    fetch: &'static str,
    /// The name of the preset.
    preset: &'a str,
    /// The data type of the computation, e.g. `f32`.
    dtype: &'static str,
    /// `absent`: the preset has no safety checker. `on_request`: images are
    /// checked unless the request disables it. `always`: even then.
    safety_checking: SafetyChecking,
    /// The accepted sizes.
    size: Size,
    /// The numbers of steps, the default first; others are snapped to the
    /// nearest.
    steps: Vec<u32>,
    /// The available styles.
    styles: Vec<&'static str>,
    /// A notice to show with the images, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'a str>,
}

/// The accepted sizes, in pixels.
#[derive(Serialize, ToSchema)]
#[schema(as = SizeLimits)]
struct Size {
    min_side: u32,
    max_side: u32,
    /// The most that width times height may be.
    max_area: u32,
    /// The side when none is given.
    default_side: u32,
    /// Sides are rounded down to a multiple of it.
    multiple_of: u32,
}

impl<'a> From<&'a Capabilities> for Index<'a> {
    fn from(capabilities: &'a Capabilities) -> Self {
        let limits = &capabilities.limits;
        let styles = capabilities.styles.iter();
        Self {
            name: "facegen",
            version: env!("CARGO_PKG_VERSION"),
            make_gen: "POST /api/v1/enterprise/face_gen/make_gen",
            fetch: "POST /api/v1/enterprise/face_gen/fetch/{id}",
            preset: &capabilities.preset,
            dtype: capabilities.dtype,
            safety_checking: capabilities.safety_checking,
            size: Size::from(&limits.size),
            steps: limits.steps.clone().into(),
            styles: styles.map(|style| style.as_str()).collect(),
            notice: capabilities.notice.as_deref(),
        }
    }
}

impl From<&SizeLimits> for Size {
    fn from(limits: &SizeLimits) -> Self {
        let sides = limits.sides();
        Self {
            min_side: *sides.start(),
            max_side: *sides.end(),
            max_area: limits.max_area(),
            default_side: limits.default_side(),
            multiple_of: limits.multiple_of(),
        }
    }
}
