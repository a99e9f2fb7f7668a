//! Whether all of it works.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use facegen_core::{
    BucketFault, BucketProblem, FileKind, FileName, FilePrefix, ImageStore as _, ObjectName,
    StorageError,
};
use uuid::Uuid;

use super::S3Store;
use super::errors::{PutFailure, status_of};
use crate::guard::GuardError;

/// What the object of the canary holds.
const BYTES: &[u8] = b"facegen";

/// What the bucket can do, besides taking objects and showing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canary {
    /// It can delete them too.
    Deleted,
    /// It cannot, which the rights that are usually given allow for: the
    /// object of the canary stays.
    Left {
        /// What it answered.
        error: StorageError,
        /// What was asked for.
        request: String,
    },
}

impl S3Store {
    /// Writes an object, reads it back at its link and deletes it.
    ///
    /// # Errors
    /// The object cannot be written, or not be read by everybody.
    pub async fn canary(&self) -> Result<Canary, BucketFault> {
        let object = canary_name();
        if let Err(failure) = self.keep(&object, BYTES.to_vec()).await {
            // Where a key's images are is not for logs.
            let error = failure.storage_error();
            tracing::info!(%error, "bucket test failed");
            return Err(self.fault(&object, &failure).await);
        }
        let deleted = self.delete(&object).await;
        Ok(match deleted {
            Ok(()) => Canary::Deleted,
            Err(error) => Canary::Left {
                error,
                request: format!("DELETE {}", self.settings.object_url(&object)),
            },
        })
    }

    /// What the failure means to the owner of the bucket.
    async fn fault(&self, object: &ObjectName, failure: &PutFailure) -> BucketFault {
        let put = format!("PUT {}", self.settings.object_url(object));
        let get = format!("GET {}", self.settings.check_link(object));
        let problem = failure.problem();
        let request = match failure {
            PutFailure::Upload(_) => put,
            // A link is not to blame for an object that is nowhere.
            PutFailure::ReadBack(GuardError::Status(_)) | PutFailure::LeadsElsewhere
                if self.has_lost(object).await =>
            {
                return BucketFault {
                    problem: BucketProblem::NotKept,
                    request: put,
                };
            }
            PutFailure::ReadBack(_) | PutFailure::LeadsElsewhere => format!("{get} after {put}"),
        };
        BucketFault { problem, request }
    }

    /// Whether the endpoint itself, asked by who may write, does not have what it
    /// took. Who may not read does not know.
    async fn has_lost(&self, object: &ObjectName) -> bool {
        let got = self
            .client
            .get_object()
            .bucket(&self.settings.bucket)
            .key(self.settings.key(object))
            .send()
            .await;
        match got {
            Ok(got) => {
                let bytes = got.body.collect().await;
                bytes.is_ok_and(|bytes| bytes.into_bytes() != BYTES)
            }
            Err(error) => error.code() == Some("NoSuchKey") || status_of(&error) == Some(404),
        }
    }
}

/// A name that no image has: real attempts count from 1.
fn canary_name() -> ObjectName {
    let file = FileName {
        prefix: FilePrefix::from_random(Uuid::new_v4().as_u128()),
        index: 0,
        kind: FileKind::Base64,
    };
    ObjectName { file, attempt: 0 }
}
