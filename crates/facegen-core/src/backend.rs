//! The port to the model that generates images.
//!
//! The unit of scheduling is one denoising step. A backend holds any number of
//! admitted requests; each [`Backend::tick`] advances some of them by one step.
//! A backend runs on one thread, keeps no data of a request after its slot is
//! freed, and does not depend on jobs, keys or HTTP.

use std::time::Duration;

use thiserror::Error;

use crate::request::ImageSize;
use crate::{ErrorCode, FoundFace, GenerationSpec, RgbImage, SafetyVerdict};

/// Generates images, one denoising step at a time.
pub trait Backend: Send {
    /// Admits a request: analyses the face, encodes the prompts and prepares
    /// the conditioning. Does not denoise yet.
    ///
    /// The input is borrowed, so that the caller can admit it to another
    /// backend if this one fails.
    ///
    /// # Errors
    /// Fails when the request cannot be computed. No slot is held for it then,
    /// and the backend stays usable unless the error is
    /// [`BackendError::DeviceLost`].
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError>;

    /// Does one unit of work: a denoising step for as many samples as fit in
    /// one batch, or the work that follows a sample's last step.
    ///
    /// Each slot reports [`SlotEvent::Progress`] after each of its steps and
    /// ends with exactly one [`SlotEvent::Finished`] or [`SlotEvent::Failed`],
    /// which frees it. Does nothing when no slot is active.
    fn tick(&mut self) -> Vec<SlotEvent>;

    /// Finds the faces of a photo, upright and at its full size: the one that a
    /// request would use first, then the others by their score. None is no
    /// error. Changes no slot.
    ///
    /// # Errors
    /// Fails when the detector fails. The backend stays usable unless the error
    /// is [`BackendError::DeviceLost`].
    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError>;

    /// Returns a preview of each image of a slot that is not decoded yet: one
    /// pixel for each of its latents, about as the image will be. Empty when
    /// the slot's images will be checked for safety, before the first step, and
    /// when there are none of this family of models.
    fn previews(&self, slot: Slot) -> Vec<RgbImage> {
        let _ = slot;
        Vec::new()
    }

    /// Frees a slot at once; no event follows. Unknown and already finished
    /// slots are ignored.
    fn cancel(&mut self, slot: Slot);

    /// Returns the number of slots that are admitted and not finished.
    fn active(&self) -> usize;

    /// Returns the capacity for images of this size. It can change between
    /// calls, e.g. when memory runs out.
    fn capacity(&self, size: ImageSize) -> Capacity;

    /// Returns whether to admit a waiting request next, rather than tick.
    /// Called only while there is room for that request and there are active
    /// slots.
    fn prefers_to_admit(&self) -> bool {
        true
    }
}

/// How much a backend can do at once; both values are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// How many requests it can hold so that their samples share steps.
    pub requests: usize,
    /// How many images can share a step.
    pub pictures_per_step: usize,
}

impl Capacity {
    /// Returns the capacity of a backend that advances this many images per
    /// step and gains nothing from holding more requests.
    #[must_use]
    pub fn of_images(pictures_per_step: usize) -> Self {
        let pictures_per_step = pictures_per_step.max(1);
        Self {
            requests: pictures_per_step,
            pictures_per_step,
        }
    }
}

/// The input of a backend for one request.
#[derive(Debug, Clone)]
pub struct GenerationInput {
    /// What to generate.
    pub spec: GenerationSpec,
    /// The photo of the person, upright, at its full size.
    pub face: RgbImage,
}

/// Identifies one admitted request of one backend. A backend never reuses a
/// slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u64);

impl Slot {
    /// Returns the slot with the given number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number of this slot.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// An event of a slot during one tick.
#[derive(Debug)]
pub enum SlotEvent {
    /// A denoising step is done.
    Progress {
        /// The slot that took the step.
        slot: Slot,
        /// How many steps are done, from 1 to `steps`.
        step: usize,
        /// How many steps all samples of the request take together.
        steps: usize,
    },
    /// The images are ready and the slot is free.
    Finished {
        /// The slot that has finished.
        slot: Slot,
        /// The images and how they were made.
        output: GenerationOutput,
    },
    /// The request failed and the slot is free; other slots continue.
    Failed {
        /// The slot whose request failed.
        slot: Slot,
        /// Why.
        error: BackendError,
    },
}

impl SlotEvent {
    /// Returns the slot that the event is about.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Progress { slot, .. }
            | Self::Finished { slot, .. }
            | Self::Failed { slot, .. } => *slot,
        }
    }
}

/// One generated image.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedImage {
    /// Its pixels, replaced where it was found unsafe.
    pub pixels: RgbImage,
    /// The seed of its noise.
    pub seed: u32,
    /// The safety checker's result; `None` when it did not run.
    pub safety: Option<SafetyVerdict>,
}

/// The images of one request.
#[derive(Debug, Clone)]
pub struct GenerationOutput {
    /// One image per sample; sample `i` uses `seed + i` (mod 2³²).
    pub images: Vec<GeneratedImage>,
    /// Warnings for the caller, e.g. about a truncated prompt.
    pub warnings: Vec<String>,
    /// The time of each stage.
    pub timings: GenerationTimings,
}

/// How long each stage of a generation took, summed over its steps and samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GenerationTimings {
    /// Detecting, aligning and embedding the face.
    pub face_analysis: Duration,
    /// Encoding both prompts into hidden states.
    pub text_encoding: Duration,
    /// Projecting the face to image tokens, and text and image tokens to keys
    /// and values.
    pub conditioning: Duration,
    /// All denoising steps.
    pub denoising: Duration,
    /// Decoding latents into images.
    pub decoding: Duration,
    /// Checking images for safety and replacing unsafe ones.
    pub safety_checking: Duration,
}

impl GenerationTimings {
    /// Returns the sum of all stages.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.face_analysis
            + self.text_encoding
            + self.conditioning
            + self.denoising
            + self.decoding
            + self.safety_checking
    }
}

/// Why a backend could not generate the images of one request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BackendError {
    /// The photo shows no face.
    #[error("no face detected in face_image")]
    NoFace,
    /// The photo cannot be used, and why.
    #[error("face_image cannot be used: {0}")]
    InvalidFace(String),
    /// The device has too little memory.
    #[error("the device ran out of memory")]
    OutOfMemory,
    /// The numbers of this request overflowed: NaN or infinity in the latents
    /// or the image.
    #[error("the model produced values that are not finite")]
    NotFinite,
    /// The caller cancelled the request.
    #[error("the generation was cancelled")]
    Cancelled,
    /// Another failure, and which.
    #[error("the generation failed: {0}")]
    Failed(String),
    /// The device failed during this request, and how. The state of the backend
    /// is undefined: it must be loaded again.
    #[error("the device failed over this request: {0}")]
    DeviceLost(String),
    /// The backend panicked during this request.
    #[error("the engine broke down over this request")]
    Panicked,
    /// The engine failed, possibly because of this request, and could not be
    /// rebuilt.
    #[error("the engine broke down, maybe over this request")]
    EngineBroke,
    /// More requests wait for the engine than it takes.
    #[error("the engine's queue is full")]
    QueueFull,
    /// The engine is shutting down or could not be rebuilt.
    #[error("the engine is not running")]
    EngineStopped,
}

impl BackendError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoFace => ErrorCode::NoFace,
            Self::InvalidFace(_) => ErrorCode::InvalidFaceImage,
            Self::OutOfMemory => ErrorCode::OutOfMemory,
            Self::NotFinite | Self::Failed(_) => ErrorCode::GenerationFailed,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::DeviceLost(_) | Self::Panicked => ErrorCode::Internal,
            Self::QueueFull => ErrorCode::QueueFull,
            Self::EngineBroke | Self::EngineStopped => ErrorCode::Unavailable,
        }
    }
}
