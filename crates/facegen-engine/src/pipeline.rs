//! The port between the backend and a family of models.

use std::fmt::Debug;

use facegen_core::request::RequestLimits;
use facegen_core::{FoundFace, GenerationInput, GenerationTimings};
use facegen_image::RgbImage;

use crate::EngineError;

/// Generates images with one family of models, one denoising step at a time.
///
/// A pipeline owns the samples that are denoised, so that their buffers can
/// keep their addresses between two steps. The backend, the same for every
/// family, decides which sample is next and what leaves the engine.
pub trait Pipeline: Debug + Send {
    /// An image that is ready for its first step.
    type Prepared: Debug;

    /// Returns the image sizes and numbers of steps that the models support.
    fn limits(&self) -> &RequestLimits;

    /// Returns how many images should share a step on this device, with the
    /// memory that is free now.
    fn batch_advice(&self) -> BatchAdvice;

    /// Finds the faces of a photo, the one that a request would use first.
    ///
    /// # Errors
    /// Fails when the detector fails.
    fn find_faces(&self, photo: &RgbImage) -> Result<Vec<FoundFace>, EngineError>;

    /// Analyses the face, encodes the prompts and draws the noise of every
    /// image of a request.
    ///
    /// # Errors
    /// Fails when the photo shows no face, the preset does not offer what the
    /// request needs, or a model fails.
    fn prepare(
        &self,
        input: &GenerationInput,
    ) -> Result<PreparedRequest<Self::Prepared>, EngineError>;

    /// Adds a prepared image; its id is never reused.
    fn join(&mut self, prepared: Self::Prepared) -> SampleId;

    /// Returns whether both samples can take their next step in one call of the
    /// model.
    fn can_share_step(&self, one: SampleId, other: SampleId) -> bool;

    /// Takes the next step of samples that can share it.
    ///
    /// # Errors
    /// Fails when the model fails; none of the samples has advanced then.
    fn step(&mut self, samples: &[SampleId]) -> Result<(), EngineError>;

    /// Returns how many steps a sample still has to take; 0 if it is unknown.
    fn steps_left(&self, sample: SampleId) -> usize;

    /// Runs the next stage of decoding a sample to pixels; `None` while there
    /// are more. The pixels do not depend on what runs between two stages.
    ///
    /// # Errors
    /// Fails when the sample is unknown, the model fails, or the latents are
    /// not finite.
    fn decode(&mut self, sample: SampleId) -> Result<Option<RgbImage>, EngineError>;

    /// Returns a small image of a sample about as it will be once it is denoised,
    /// much cheaper than a step; `None` before its first step.
    ///
    /// # Errors
    /// Fails when the device fails.
    fn preview(&self, sample: SampleId) -> Result<Option<RgbImage>, EngineError>;

    /// Drops a sample; an unknown one is ignored.
    fn leave(&mut self, sample: SampleId);
}

/// How many images should share a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchAdvice {
    /// Of any size: more gain nothing, and each takes longer.
    pub images: usize,
    /// How many pixels of images fit into memory; `None` where one image takes
    /// no more than the process has.
    pub pixels: Option<usize>,
}

impl BatchAdvice {
    /// Where one image keeps the device busy.
    pub const ONE: Self = Self {
        images: 1,
        pixels: None,
    };
}

/// Identifies a sample of a pipeline. Ids grow in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleId(u64);

impl SampleId {
    /// Returns the id after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Default for SampleId {
    /// Returns the first id.
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
    /// What the caller should know, such as a truncated prompt.
    pub warnings: Vec<String>,
    /// Durations of the stages so far.
    pub timings: GenerationTimings,
}
