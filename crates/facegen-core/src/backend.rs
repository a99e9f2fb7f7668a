//! The port to whatever makes the images.
//!
//! The unit of scheduling is one denoising step. A backend holds any number of
//! admitted requests; each [`Backend::tick`] moves some of them on by one step.
//! A backend lives on one thread, keeps nothing of a request beyond its slot,
//! and knows nothing about jobs, keys or HTTP.

use std::time::Duration;

use thiserror::Error;

use crate::request::ImageSize;
use crate::{ErrorCode, GenerationSpec, RgbImage, SafetyVerdict};

/// Makes images, one denoising step at a time.
pub trait Backend: Send {
    /// Takes a request in: analyses the face, encodes the prompts and prepares
    /// the conditioning. No denoising happens yet.
    ///
    /// The input is only lent, so that its owner can admit it again to another
    /// backend should this one break.
    ///
    /// # Errors
    /// Whatever makes this request impossible. The backend holds no slot for
    /// it, and stays usable unless it is [`BackendError::DeviceLost`].
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError>;

    /// Does one unit of work: a denoising step for as many samples as fit in
    /// one batch, or what has to be done for a sample after its last step.
    ///
    /// Each slot reports [`SlotEvent::Progress`] after each of its steps and
    /// ends with exactly one [`SlotEvent::Finished`] or [`SlotEvent::Failed`],
    /// which frees it. With no slot active this does nothing.
    fn tick(&mut self) -> Vec<SlotEvent>;

    /// Frees a slot at once; no event follows. Unknown and already finished
    /// slots are ignored.
    fn cancel(&mut self, slot: Slot);

    /// How many slots are admitted and not finished.
    fn active(&self) -> usize;

    /// How much of this size the backend can do at once. It may change with
    /// every call, e.g. when memory runs out.
    fn capacity(&self, size: ImageSize) -> Capacity;

    /// Whether the next unit of work should be to admit a request that waits,
    /// rather than a tick. Asked only while there is room for that request and
    /// there are active slots.
    fn prefers_to_admit(&self) -> bool {
        true
    }
}

/// How much a backend can do at once; both are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// How many requests it can hold, so that their samples share steps.
    pub requests: usize,
    /// How many images can share a step.
    pub pictures_per_step: usize,
}

impl Capacity {
    /// A backend that moves so many images on at once, and gains nothing
    /// from holding more requests than that.
    #[must_use]
    pub fn of_images(pictures_per_step: usize) -> Self {
        let pictures_per_step = pictures_per_step.max(1);
        Self {
            requests: pictures_per_step,
            pictures_per_step,
        }
    }
}

/// What a backend needs to make one request's images.
#[derive(Debug, Clone)]
pub struct GenerationInput {
    /// What is drawn.
    pub spec: GenerationSpec,
    /// The photo of the person, upright, at its full size.
    pub face: RgbImage,
}

/// Names one admitted request of one backend. A backend never reuses a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u64);

impl Slot {
    /// The slot with the given number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of this slot.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What happened to a slot during one tick.
#[derive(Debug)]
pub enum SlotEvent {
    /// A denoising step is done.
    Progress {
        /// Whose step it was.
        slot: Slot,
        /// How many steps are done, from 1 to `steps`.
        step: usize,
        /// How many steps all samples of the request take together.
        steps: usize,
    },
    /// The images are ready and the slot is free.
    Finished {
        /// Whose images they are.
        slot: Slot,
        /// The images and how they were made.
        output: GenerationOutput,
    },
    /// The request failed and the slot is free; other slots go on.
    Failed {
        /// Whose request failed.
        slot: Slot,
        /// Why.
        error: BackendError,
    },
}

impl SlotEvent {
    /// The slot that the event is about.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Progress { slot, .. }
            | Self::Finished { slot, .. }
            | Self::Failed { slot, .. } => *slot,
        }
    }
}

/// One image as the engine made it.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedImage {
    /// Its pixels, replaced where it was found unsafe.
    pub pixels: RgbImage,
    /// The seed of its noise.
    pub seed: u32,
    /// What the safety checker says; `None` when it did not look.
    pub safety: Option<SafetyVerdict>,
}

/// The images of one request.
#[derive(Debug, Clone)]
pub struct GenerationOutput {
    /// One image per sample; sample `i` was made with `seed + i` (mod 2³²).
    pub images: Vec<GeneratedImage>,
    /// What the caller should know about the images, e.g. a truncated prompt.
    pub warnings: Vec<String>,
    /// Where the time went.
    pub timings: GenerationTimings,
}

/// How long each stage of a generation took, summed over its steps and samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GenerationTimings {
    /// Finding, aligning and embedding the face.
    pub face_analysis: Duration,
    /// Turning both prompts into hidden states.
    pub text_encoding: Duration,
    /// Turning the face into image tokens, and both into keys and values.
    pub conditioning: Duration,
    /// All denoising steps.
    pub denoising: Duration,
    /// Turning latents into images.
    pub decoding: Duration,
    /// Looking for unsafe images, and replacing them.
    pub safety_checking: Duration,
}

impl GenerationTimings {
    /// The sum of all stages.
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

/// Why a backend could not make the images of one request.
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
    /// Somebody asked for the work to stop.
    #[error("the generation was cancelled")]
    Cancelled,
    /// Another failure, and which.
    #[error("the generation failed: {0}")]
    Failed(String),
    /// The device failed over this request in a way that leaves nothing of the
    /// backend to be trusted, and how: the backend must be loaded again.
    #[error("the device failed over this request: {0}")]
    DeviceLost(String),
    /// The backend panicked over this request.
    #[error("the engine broke down over this request")]
    Panicked,
    /// The engine broke, maybe over this request, and could not be rebuilt.
    #[error("the engine broke down, maybe over this request")]
    EngineBroke,
    /// More requests wait for the engine than it takes.
    #[error("the engine's queue is full")]
    QueueFull,
    /// There is no engine any more: it is shutting down or could not be rebuilt.
    #[error("the engine is not running")]
    EngineStopped,
}

impl BackendError {
    /// The kind of failure, for callers.
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
