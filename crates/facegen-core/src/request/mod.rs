//! Requests of callers, and their parser.
//!
//! A request is parsed once, here, and not checked again after that:
//! [`RawGenerationRequest`] holds the scalars that came in, from JSON, from a
//! form or from the command line; [`RawGenerationRequest::parse`] reads them
//! leniently and returns either an error for every invalid field or a request
//! whose values are all in range.

pub mod auto_size;
pub mod choices;
pub mod delivery;
pub mod errors;
pub mod limits;
mod parameters;
pub mod prompt;
pub mod raw;
pub mod sampling;
pub mod scalar;
pub mod size;
pub mod spec;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use auto_size::AutoSize;
pub use choices::{Safety, Style};
pub use delivery::DeliveryOptions;
pub use errors::{FieldError, RequestError};
pub use limits::{RequestLimits, SizeLimits, StepChoices};
pub use prompt::Prompt;
pub use raw::RawGenerationRequest;
pub use sampling::{GuidanceScale, SScale, Samples, Steps};
pub use scalar::Scalar;
pub use size::ImageSize;
pub use spec::GenerationSpec;

/// A parsed request. It is serialized as one flat object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationRequest {
    /// What to generate.
    #[serde(flatten)]
    pub spec: GenerationSpec,
    /// How to deliver it.
    #[serde(flatten)]
    pub delivery: DeliveryOptions,
    warnings: Vec<String>,
}

impl GenerationRequest {
    /// Returns the request with its size derived from a photo of this size.
    #[must_use]
    pub fn fitted_to(self, width: u32, height: u32) -> Self {
        Self {
            spec: self.spec.fitted_to(width, height),
            ..self
        }
    }

    /// Returns one sentence for each value that differs from the one that was
    /// sent.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// A parsed request whose seed may still have to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct UnseededRequest {
    request: GenerationRequest,
    seed: Option<u32>,
}

impl UnseededRequest {
    /// Derives these sides from the photo's.
    #[must_use]
    pub fn with_auto_size(mut self, auto_size: AutoSize) -> Self {
        self.request.spec.auto_size = auto_size;
        self
    }

    /// Completes the request with the seed that was sent, or with one that
    /// `random` draws when none was.
    #[must_use]
    pub fn resolve_seed(self, random: impl FnOnce() -> u32) -> GenerationRequest {
        let mut request = self.request;
        request.spec.seed = self.seed.unwrap_or_else(random);
        request
    }
}
