//! The domain vocabulary of facegen.
//!
//! Every other crate speaks in these types. Nothing here knows HTTP, SQL or a
//! tensor, so the command line, the server and the tests share one parser, one
//! set of messages and one port to the model.
//!
//! | chapter | holds |
//! |---|---|
//! | [`request`] | [`GenerationRequest`], parsed once from lenient scalars |
//! | [`preset`] | [`Preset`], a set of models: `models/*.toml`, their files, licences and options |
//! | [`backend`] | [`Backend`], the port to whatever makes the images |
//! | [`engines`] | [`Engines`], the port to the engines, one for each device |
//! | [`safety`] | [`SafetyVerdict`], what a safety checker says about an image |
//! | [`error`] | [`ErrorCode`], the few kinds of failure a caller can tell apart |
//! | [`state`] | [`JobState`], the life of a job |
//! | [`face`] | [`FaceReader`], the port that gets photos |
//! | [`job`] | [`Job`], one row |
//! | [`key`], [`key_limits`] | [`Key`], to whom rows belong, and [`KeyLimits`], how much it may ask for |
//! | [`idempotency`] | [`Idempotency`], requests that may be sent again |
//! | [`store`] | the ports to what is kept in a database |
//! | [`url_checker`] | [`UrlChecker`], the port that judges URLs |
//! | [`storage`] | [`ImageStore`], the port to where images are kept |
//! | [`bucket`] | [`BucketOpener`], the port to the buckets of keys |
//! | [`webhook`] | [`WebhookSender`], the port to the receivers of webhooks |
//! | [`clock`] | [`Clock`], the port to the time of day |
//! | [`control`] | [`Control`], the port to whoever runs the server |
//! | [`current`] | [`Current`], a value that is replaced while it is used |
//! | [`sha256`] | hashes of files |
//! | [`redact`] | types that cannot print what they hold |
//! | `fake` | a backend without a model, for tests (feature `fake`) |

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
pub mod idempotency;
pub mod job;
pub mod key;
pub mod key_limits;
pub mod preset;
pub mod redact;
pub mod request;
pub mod safety;
pub mod sha256;
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
    EngineHangs, EngineHealth, EngineName, EngineState, Engines, Generation, GenerationEvent,
    Submitted,
};
pub use error::ErrorCode;
pub use face::{FaceError, FaceReader, FaceSource};
pub use facegen_image::{Photo, Provenance, RgbImage};
pub use idempotency::Idempotency;
pub use job::{FaceOrigin, Failure, ImageRecord, Job, JobId, Outcome, Stages};
pub use key::{Key, KeyId, KeyRole};
pub use key_limits::{KeyLimits, OwnLimits};
pub use preset::{Preset, PresetError};
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
