//! The domain vocabulary of facegen.
//!
//! Every other crate uses these types. Nothing here depends on HTTP, SQL or
//! tensors, so the command line, the server and the tests share one parser, one
//! set of messages and one port to the model.
//!
//! | module | holds |
//! |---|---|
//! | [`request`] | [`GenerationRequest`], a request parsed from lenient scalars |
//! | [`preset`] | [`Preset`], a set of models with licences and options |
//! | [`backend`] | [`Backend`], the port to the model |
//! | [`engines`] | [`Engines`], the port to the engines, one for each device |
//! | [`preview`] | [`PreviewDemand`], whether somebody wants previews of a request |
//! | [`safety`] | [`SafetyVerdict`], a safety checker's result for an image |
//! | [`error`] | [`ErrorCode`], the kinds of failure |
//! | [`state`] | [`JobState`], the states of a job |
//! | [`face`] | [`FaceReader`], the port that fetches and decodes photos |
//! | [`found_face`] | [`FoundFace`], a face in a photo |
//! | [`job`] | [`Job`], one job as its row holds it |
//! | [`key`], [`key_limits`] | [`Key`], an API key, and [`KeyLimits`], its limits |
//! | [`idempotency`] | [`Idempotency`], the idempotency key of a request |
//! | [`store`] | the ports to the database |
//! | [`url_checker`] | [`UrlChecker`], the port that checks URLs |
//! | [`storage`] | [`ImageStore`], the port to image files |
//! | [`bucket`] | [`BucketOpener`], the port to the buckets of keys |
//! | [`webhook`] | [`WebhookSender`], the port to the receivers of webhooks |
//! | [`clock`] | [`Clock`], the port to the clock |
//! | [`control`] | [`Control`], the port that restarts and updates the server |
//! | [`current`] | [`Current`], a value that can be replaced while it is used |
//! | [`sha256`] | SHA-256 of files |
//! | [`stamp`](mod@stamp) | detecting files that changed since they were verified |
//! | [`redact`] | types that redact what they hold when printed |
//! | `fake` | fakes of the ports, for tests (feature `fake`) |

pub mod backend;
pub mod bucket;
pub mod clock;
pub mod control;
pub mod current;
pub mod engines;
pub mod error;
pub mod face;
#[cfg(feature = "fake")]
pub mod fake;
pub mod found_face;
pub mod idempotency;
pub mod job;
pub mod key;
pub mod key_limits;
pub mod preset;
pub mod preview;
pub mod redact;
pub mod request;
pub mod safety;
pub mod sha256;
pub mod stamp;
pub mod state;
pub mod storage;
pub mod store;
pub mod url_checker;
pub mod webhook;

pub use backend::{
    Backend, BackendError, Capacity, GeneratedImage, GenerationInput, GenerationOutput,
    GenerationTimings, Slot, SlotEvent,
};
pub use bucket::{
    BucketDetails, BucketFault, BucketNames, BucketOpener, BucketProblem, RawBucketDetails,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use control::{Control, UpdateRefused};
pub use current::Current;
pub use engines::{
    EngineHangs, EngineHealth, EngineName, EngineState, Engines, FaceSearch, Generation,
    GenerationEvent, Submitted,
};
pub use error::ErrorCode;
pub use face::{FaceError, FaceReader, FaceSource};
pub use facegen_image::{Parameters, Photo, Provenance, RgbImage};
pub use found_face::FoundFace;
pub use idempotency::Idempotency;
pub use job::{FaceOrigin, Failure, ImageRecord, Job, JobId, Outcome, Stages};
pub use key::{Key, KeyId, KeyRole};
pub use key_limits::{KeyLimits, OwnLimits};
pub use preset::{Preset, PresetError};
pub use preview::PreviewDemand;
pub use request::{
    DeliveryOptions, FieldError, GenerationRequest, GenerationSpec, RawGenerationRequest,
    RequestError, RequestLimits,
};
pub use safety::{SafetyAction, SafetyVerdict};
pub use state::JobState;
pub use storage::{
    FileKind, FileName, FilePrefix, ImageStore, ObjectName, ObjectPieces, StorageError,
    StoredObject,
};
pub use url_checker::UrlChecker;
pub use webhook::{WebhookMessage, WebhookOutcome, WebhookSecret, WebhookSender};
