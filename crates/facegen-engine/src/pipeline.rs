//! The port between the backend and a family of models.

use std::fmt::Debug;

use facegen_core::request::RequestLimits;
use facegen_core::{GenerationInput, GenerationTimings};
use facegen_image::RgbImage;

use crate::EngineError;

/// Makes images with the models of one family, one denoising step at a time.
///
/// A pipeline owns the samples that are denoised, so that their buffers can
/// keep their addresses between two steps. It decides neither whose turn it is
/// nor what leaves the engine: that is the backend's part, the same for every
/// family.
pub trait Pipeline: Debug + Send {
    /// One image that is ready for its first step.
    type Prepared: Debug;

    /// The sizes and numbers of steps that the models make images in.
    fn limits(&self) -> &RequestLimits;

    /// Analyses the face, encodes the prompts and draws the noise of every
    /// image of a request.
    ///
    /// # Errors
    /// When the photo shows no face, the preset does not offer what the
    /// request asks for, or a model fails.
    fn prepare(
        &self,
        input: &GenerationInput,
    ) -> Result<PreparedRequest<Self::Prepared>, EngineError>;

    /// Takes a prepared image in; its id is never used again.
    fn join(&mut self, prepared: Self::Prepared) -> SampleId;

    /// Whether both samples can take their next step in one call of the model.
    fn can_share_step(&self, one: SampleId, other: SampleId) -> bool;

    /// Does the next step of samples that can share it.
    ///
    /// # Errors
    /// When the model fails; none of the samples has moved then.
    fn step(&mut self, samples: &[SampleId]) -> Result<(), EngineError>;

    /// How many steps a sample has still to take; 0 for one that is unknown.
    fn steps_left(&self, sample: SampleId) -> usize;

    /// Runs the next stage of turning the latents of a sample into pixels; `None` while there
    /// are more. The pixels do not depend on what runs between two stages.
    ///
    /// # Errors
    /// When the sample is unknown, the model fails, or the latents are not
    /// finite.
    fn decode(&mut self, sample: SampleId) -> Result<Option<RgbImage>, EngineError>;

    /// Drops a sample; one that is unknown is ignored.
    fn leave(&mut self, sample: SampleId);
}

/// Names one sample of a pipeline. Ids grow in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleId(u64);

impl SampleId {
    /// Returns the id that comes after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Default for SampleId {
    /// The first id.
    fn default() -> Self {
        Self(0)
    }
}

/// A request whose images are ready for their first step.
#[derive(Debug)]
pub struct PreparedRequest<P> {
    /// One for each image; image *i* starts from the noise of `seed + i`.
    pub samples: Vec<P>,
    /// Denoising steps of each image.
    pub steps: usize,
    /// What the caller should know, e.g. of a truncated prompt.
    pub warnings: Vec<String>,
    /// Where the time went so far.
    pub timings: GenerationTimings,
}
