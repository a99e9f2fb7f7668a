//! Shows previews of an attempt to those who listen.

use std::sync::Arc;

use facegen_core::{GeneratedImage, RgbImage};

use crate::context::WorkContext;
use crate::context::previews::{Preview, PreviewSource};

/// Encodes previews of the images of a request with this seed, and shows them.
/// They are small enough to be encoded inside a task.
pub(super) fn show(
    context: &WorkContext,
    source: &PreviewSource,
    step: usize,
    images: Vec<RgbImage>,
    seed: u32,
) {
    if images.is_empty() {
        return;
    }
    let encode = |pixels| {
        let image = GeneratedImage {
            pixels,
            seed,
            safety: None,
        };
        (context.encoder)(&image, &context.provenance)
    };
    let files: Result<Arc<[Vec<u8>]>, String> = images.into_iter().map(encode).collect();
    match files {
        Ok(files) => source.show(Preview { step, files }),
        Err(error) => tracing::warn!(error, "failed to encode previews of job"),
    }
}
