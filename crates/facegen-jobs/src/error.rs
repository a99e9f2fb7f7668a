//! Why the service cannot do what it is asked for.

use std::time::Duration;

use facegen_core::store::StoreError;
use facegen_core::{BucketFault, ErrorCode, FaceError};
use thiserror::Error;

use crate::buckets::BucketsError;
use crate::keys::KeyError;

/// Why the service cannot do what it is asked for.
#[derive(Debug, Error)]
pub enum JobError {
    /// The queue is full, for all keys or for this one.
    #[error("rate limit exceeded, at most {limit} requests may wait")]
    QueueFull {
        /// How many jobs may wait.
        limit: u32,
        /// When there may be room again.
        retry_after: Duration,
    },
    /// The key has used up its rate limit.
    #[error("rate limit exceeded, at most {limit} requests a minute")]
    TooManyRequests {
        /// How many requests it may make within any minute.
        limit: u32,
        /// When the next one may come.
        retry_after: Duration,
    },
    /// The key has used up its storage for images that it sent.
    #[error("rate limit exceeded, at most {limit} bytes of images may be kept")]
    UploadsFull {
        /// How many bytes may be kept.
        limit: u64,
        /// When the first of them expire.
        retry_after: Duration,
    },
    /// The readers of images in buckets have used up their memory.
    #[error("too many readers of images in a bucket")]
    TooManyReaders,
    /// No engine can search a photo for faces at this moment.
    #[error("no engine can search for faces")]
    TooManySearches,
    /// This process has no engines, as its role wants it: it never searches.
    #[error("this node has no engine that could search for faces")]
    NoEngineHere,
    /// Another request has this idempotency key.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyTaken,
    /// The inline photo cannot be used.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// The bucket that a key configures cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketFault),
    /// The secrets of a key's bucket cannot be sealed or opened, and why; for
    /// logs.
    #[error("the secrets of a bucket: {0}")]
    Secrets(String),
    /// The server is stopping: no job is accepted any more.
    #[error("the server is stopping")]
    Draining,
    /// The store of jobs failed, and why; for logs.
    #[error("the job store failed: {0}")]
    Store(#[from] StoreError),
    /// The service failed, and how; for logs.
    #[error("the jobs broke down: {0}")]
    BrokeDown(&'static str),
    /// The store of images failed; for logs.
    #[error(transparent)]
    Images(#[from] facegen_core::StorageError),
    /// An image that was sent cannot be stored at this moment; for logs.
    #[error(transparent)]
    NotStored(facegen_core::StorageError),
}

impl JobError {
    /// Returns the kind of failure, for callers.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::QueueFull { .. } => ErrorCode::QueueFull,
            Self::TooManyRequests { .. } | Self::UploadsFull { .. } => ErrorCode::RateLimited,
            Self::IdempotencyKeyTaken => ErrorCode::Conflict,
            Self::Face(error) => error.code,
            Self::Bucket(_) => ErrorCode::InvalidRequest,
            Self::Draining
            | Self::NotStored(_)
            | Self::TooManyReaders
            | Self::TooManySearches
            | Self::NoEngineHere => ErrorCode::Unavailable,
            Self::Store(error) => error.code(),
            Self::BrokeDown(_) | Self::Images(_) | Self::Secrets(_) => ErrorCode::Internal,
        }
    }
}

impl From<BucketsError> for JobError {
    fn from(error: BucketsError) -> Self {
        match error {
            BucketsError::Store(error) => Self::Store(error),
            BucketsError::Unsealed(error) => Self::Secrets(error.to_string()),
            BucketsError::Seal(error) => Self::Secrets(error.to_string()),
        }
    }
}

impl From<KeyError> for JobError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Random(_) => Self::BrokeDown("no random numbers for a key"),
            KeyError::ReservedName(_) | KeyError::UnusableEnvironmentKey(_) => {
                Self::BrokeDown("a key that cannot be created")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_store_is_temporary_and_a_damaged_row_is_not() {
        let gone = JobError::from(StoreError::Database("closed".into()));
        assert_eq!(gone.code(), ErrorCode::Unavailable);
        let damaged = JobError::from(StoreError::UnreadableRow {
            table: "generations",
            id: 7,
            column: "request",
        });
        assert_eq!(damaged.code(), ErrorCode::Internal);
        assert_eq!(
            damaged.to_string(),
            "the job store failed: generations row 7: the request cannot be read"
        );
    }
}
