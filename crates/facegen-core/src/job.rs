//! One job as its row holds it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::key::KeyId;
use crate::redact::SafeUrl;
use crate::{
    ErrorCode, FileKind, FileName, FilePrefix, GeneratedImage, GenerationRequest,
    GenerationTimings, JobState, ObjectName, SafetyVerdict, Timestamp,
};

/// The id of a job: 1 to 2³¹−1, because clients keep it in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u32);

impl JobId {
    /// The largest id.
    pub const MAX: u32 = i32::MAX as u32;

    /// Returns the id with this number, `None` outside of 1 to 2³¹−1.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where the photo of a job came from, as echoed to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaceOrigin {
    /// Fetched from this URL.
    Url(SafeUrl),
    /// Sent with the request.
    Inline,
}

/// Why a job failed or was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub code: ErrorCode,
    /// The message for the caller, a whole sentence.
    pub message: String,
}

/// One job as its row holds it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id for callers.
    pub id: JobId,
    /// The key that it belongs to; the code that reads a job checks that the
    /// caller has this key.
    pub key: KeyId,
    /// Its state.
    pub state: JobState,
    /// The request.
    pub request: GenerationRequest,
    /// Where the photo came from.
    pub face: FaceOrigin,
    /// The prefix of the names of its images.
    pub file_prefix: FilePrefix,
    /// Scheme, host and port under which the caller reached the server, e.g.
    /// `http://localhost:8080`; links for webhooks are built from it.
    pub base_url: String,
    /// The number of attempts that have begun.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Why it failed or was cancelled, if it was.
    pub failure: Option<Failure>,
    /// Warnings for the caller: about the photo, known once it was read, and
    /// about the images, known once the job has succeeded. Does not include the
    /// request's own warnings.
    pub warnings: Vec<String>,
    /// The prefix of links to its images when they are in a bucket, followed by
    /// the names of its [`Job::objects`]; `None` while they are in the
    /// directory of the server.
    pub link_base: Option<String>,
    /// When its images in the directory of the server expire; known once it has
    /// succeeded, unless they were never there.
    pub expires_at: Option<Timestamp>,
    /// When work on its latest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Its result; known once it has succeeded.
    pub outcome: Option<Outcome>,
    /// When it was erased at its owner's request.
    pub erased_at: Option<Timestamp>,
}

/// The result of a successful attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How long it took from the engine's start on the request until the images
    /// were stored.
    pub generation_time: Duration,
    /// The time of each stage.
    pub stages: Stages,
    /// A record for each image; empty once the job was erased.
    pub images: Vec<ImageRecord>,
    /// The name of the engine; `None` in rows of former versions.
    pub engine: Option<String>,
}

/// What is recorded of one image besides its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The seed of its noise.
    pub seed: u32,
    /// The safety checker's result; `None` when it did not run.
    pub safety: Option<SafetyVerdict>,
}

impl From<&GeneratedImage> for ImageRecord {
    fn from(image: &GeneratedImage) -> Self {
        Self {
            seed: image.seed,
            safety: image.safety.clone(),
        }
    }
}

/// How long each stage of a job took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Fetching and decoding the photo.
    pub face_fetch: u64,
    /// Detecting, aligning and embedding the face.
    pub face_analysis: u64,
    /// Encoding both prompts into hidden states.
    pub text_encoding: u64,
    /// Projecting the face to image tokens, and text and image tokens to keys
    /// and values.
    pub conditioning: u64,
    /// All denoising steps.
    pub denoising: u64,
    /// Decoding latents into images.
    pub decoding: u64,
    /// Checking images for safety and replacing unsafe ones.
    pub safety_checking: u64,
    /// Encoding the images as files.
    pub encoding: u64,
    /// Storing the files.
    pub storing: u64,
}

impl Stages {
    /// Returns the stages that the engine measured.
    #[must_use]
    pub fn of_engine(timings: &GenerationTimings) -> Self {
        Self {
            face_analysis: millis(timings.face_analysis),
            text_encoding: millis(timings.text_encoding),
            conditioning: millis(timings.conditioning),
            denoising: millis(timings.denoising),
            decoding: millis(timings.decoding),
            safety_checking: millis(timings.safety_checking),
            ..Self::default()
        }
    }
}

/// Returns the duration in whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Job {
    /// Returns the names of its files, whether or not they exist: the PNG of
    /// each image and, if requested, the same in base64.
    #[must_use]
    pub fn files(&self) -> Vec<FileName> {
        let kinds: &[FileKind] = match self.request.delivery.base64 {
            true => &[FileKind::Png, FileKind::Base64],
            false => &[FileKind::Png],
        };
        let indices = (0_u32..).take(self.request.spec.samples());
        let name = |index, kind: &FileKind| FileName {
            prefix: self.file_prefix.clone(),
            index,
            kind: *kind,
        };
        indices
            .flat_map(|index| kinds.iter().map(move |kind| name(index, kind)))
            .collect()
    }

    /// Returns the objects that the current attempt writes.
    pub fn objects(&self) -> impl Iterator<Item = ObjectName> {
        let attempt = self.attempt;
        let files = self.files().into_iter();
        files.map(move |file| ObjectName { file, attempt })
    }

    /// Returns how long generating its images took; known once it has
    /// succeeded.
    #[must_use]
    pub fn generation_time(&self) -> Option<Duration> {
        let outcome = self.outcome.as_ref();
        outcome.map(|outcome| outcome.generation_time)
    }

    /// Returns whether the images have expired. Those in a bucket do not.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.erased_at.is_none()
            && self.link_base.is_none()
            && self.expires_at.is_some_and(|expiry| expiry <= now)
    }
}
