//! The test of a bucket: writes an object, reads it back and deletes it.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use facegen_core::{
    BucketFault, BucketProblem, FileKind, FileName, FilePrefix, ImageStore as _, ObjectName,
    StorageError,
};
use uuid::Uuid;

use super::S3Store;
use super::errors::{PutFailure, status_of};
use crate::guard::GuardError;

/// The content of the test object.
const BYTES: &[u8] = b"facegen";

/// What the bucket can do, apart from taking objects and serving them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canary {
    /// It can also delete them.
    Deleted,
    /// It cannot, as the usual permissions do not include it: the test object
    /// stays.
    Left {
        /// The error that it returned.
        error: StorageError,
        /// The request that failed.
        request: String,
    },
}

impl S3Store {
    /// Writes an object, reads it back at its link and deletes it.
    ///
    /// # Errors
    /// Fails when the object cannot be written, or is not publicly readable.
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

    /// Returns what the failure means to the owner of the bucket.
    async fn fault(&self, object: &ObjectName, failure: &PutFailure) -> BucketFault {
        let put = format!("PUT {}", self.settings.object_url(object));
        let get = format!("GET {}", self.settings.check_link(object));
        let problem = failure.problem();
        let request = match failure {
            PutFailure::Upload(_) => put,
            // A link is not to blame for an object that was not kept.
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

    /// Returns whether the endpoint itself, read with the credentials, has lost
    /// what it took. Unknown where those may not read.
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

/// Returns a name that no image has: real attempts count from 1.
fn canary_name() -> ObjectName {
    let file = FileName {
        prefix: FilePrefix::from_random(Uuid::new_v4().as_u128()),
        index: 0,
        kind: FileKind::Base64,
    };
    ObjectName { file, attempt: 0 }
}
