//! Whether all of it works.

use facegen_core::{
    BucketFault, FileKind, FileName, FilePrefix, ImageStore as _, ObjectName, StorageError,
};
use uuid::Uuid;

use super::S3Store;
use super::errors::PutFailure;

/// What the bucket can do, besides taking objects and showing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canary {
    /// It can delete them too.
    Deleted,
    /// It cannot, which the rights that are usually given allow for: the
    /// object of the canary stays.
    Left(StorageError),
}

impl S3Store {
    /// Writes an object, reads it back at its link and deletes it.
    ///
    /// # Errors
    /// The object cannot be written, or not be read by everybody.
    pub async fn canary(&self) -> Result<Canary, StorageError> {
        let tried = self.try_object().await;
        tried.map_err(|failure| failure.storage_error())
    }

    /// The same, for whoever described the bucket; the log is told as well.
    ///
    /// # Errors
    /// The object cannot be written, or not be read by everybody.
    pub async fn try_out(&self) -> Result<Canary, BucketFault> {
        self.try_object().await.map_err(|failure| {
            let error = failure.storage_error();
            tracing::info!(%error, "the bucket that a key describes does not work");
            failure.fault()
        })
    }

    async fn try_object(&self) -> Result<Canary, PutFailure> {
        let object = canary_name();
        self.keep(&object, b"facegen".to_vec()).await?;
        Ok(match self.delete(&object).await {
            Ok(()) => Canary::Deleted,
            Err(error) => Canary::Left(error),
        })
    }
}

/// A name that no picture has: real attempts count from 1.
fn canary_name() -> ObjectName {
    let file = FileName {
        prefix: FilePrefix::from_random(Uuid::new_v4().as_u128()),
        index: 0,
        kind: FileKind::Base64,
    };
    ObjectName { file, attempt: 0 }
}
