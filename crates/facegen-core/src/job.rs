//! One job, as its row in the store says.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::key::KeyId;
use crate::redact::SafeUrl;
use crate::{
    ErrorCode, FileKind, FileName, FilePrefix, GeneratedImage, GenerationRequest,
    GenerationTimings, JobState, ObjectName, SafetyVerdict, Timestamp,
};

/// Names a job: 1 to 2³¹−1, because clients keep it in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u32);

impl JobId {
    /// The largest id.
    pub const MAX: u32 = i32::MAX as u32;

    /// The job with this number, `None` outside of 1 to 2³¹−1.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number.
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

/// Where the photo of a job came from, as it is echoed.
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
    /// The whole sentence for the caller.
    pub message: String,
}

/// One job, as its row says.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name for callers.
    pub id: JobId,
    /// Whose it is; whether that is who asks was checked by whoever read it.
    pub key: KeyId,
    /// Where it stands.
    pub state: JobState,
    /// What was asked for.
    pub request: GenerationRequest,
    /// Where the photo came from.
    pub face: FaceOrigin,
    /// What the names of its images begin with.
    pub file_prefix: FilePrefix,
    /// Scheme, host and port under which the caller reached the server, e.g.
    /// `http://localhost:8080`; links for webhooks are built from it.
    pub base_url: String,
    /// How often work on it has begun.
    pub attempt: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Why it failed or was cancelled, if it was.
    pub failure: Option<Failure>,
    /// What the caller should know: about the photo, known once it was
    /// read, and about the images, known once the job has succeeded. The
    /// request's own warnings are not among them.
    pub warnings: Vec<String>,
    /// What links to its images begin with when they are in a bucket, with
    /// the names of its [`Job::objects`] behind it; `None` while they are in
    /// the directory of the server.
    pub link_base: Option<String>,
    /// When its images in the directory of the server go, or went; known once
    /// it has succeeded, unless they were never there.
    pub expires_at: Option<Timestamp>,
    /// When work on its latest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it made; known once it has succeeded.
    pub outcome: Option<Outcome>,
    /// When its owner had it erased.
    pub erased_at: Option<Timestamp>,
}

/// What an attempt made that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How long making the images took, from when the engine began with them
    /// to when they were stored.
    pub generation_time: Duration,
    /// Where the time went.
    pub stages: Stages,
    /// What is known of each image; empty once the job was erased.
    pub images: Vec<ImageRecord>,
    /// The name of the engine that made them; `None` where a former version did.
    pub engine: Option<String>,
}

/// What is known of one image beside its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The seed of its noise.
    pub seed: u32,
    /// What the safety checker says; `None` when it did not look.
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
    /// Getting and reading the photo.
    pub face_fetch: u64,
    /// Finding, aligning and embedding the face.
    pub face_analysis: u64,
    /// Turning both prompts into hidden states.
    pub text_encoding: u64,
    /// Turning the face into image tokens, and both into keys and values.
    pub conditioning: u64,
    /// All denoising steps.
    pub denoising: u64,
    /// Turning latents into images.
    pub decoding: u64,
    /// Looking for unsafe images, and replacing them.
    pub safety_checking: u64,
    /// Writing the images as files.
    pub encoding: u64,
    /// Storing the files.
    pub storing: u64,
}

impl Stages {
    /// Returns what the engine measured.
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

/// The duration in whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Job {
    /// The names of its files, whether or not they are there: of each image
    /// the PNG, and if that was asked for the same in base64.
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

    /// The files as the attempt that this row is at writes them.
    pub fn objects(&self) -> impl Iterator<Item = ObjectName> {
        let attempt = self.attempt;
        let files = self.files().into_iter();
        files.map(move |file| ObjectName { file, attempt })
    }

    /// How long making its images took; known once it has succeeded.
    #[must_use]
    pub fn generation_time(&self) -> Option<Duration> {
        let outcome = self.outcome.as_ref();
        outcome.map(|outcome| outcome.generation_time)
    }

    /// Whether the images have gone because their time is over. Those in a
    /// bucket stay.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.erased_at.is_none()
            && self.link_base.is_none()
            && self.expires_at.is_some_and(|expiry| expiry <= now)
    }
}
