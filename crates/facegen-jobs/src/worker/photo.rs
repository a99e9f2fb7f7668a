//! How an attempt gets its photo.

use std::time::Instant;

use facegen_core::face::local_file_name;
use facegen_core::job::{FaceOrigin, Job};
use facegen_core::redact::FaceImage;
use facegen_core::store::Event;
use facegen_core::{ErrorCode, FaceError, FileName, Photo};
use tokio::time::timeout;

use super::attempt::Attempt;
use super::failures;
use super::stop::{AttemptError, of_face};
use crate::context::decoding::PhotoSource;
use crate::error::JobError;
use crate::files;
use crate::metrics::{self, Stage};
use crate::retry::retry;

impl Attempt {
    /// Fetches the photo at the job's URL, if it has one.
    pub(super) async fn fetch(&self) -> Result<Option<PhotoSource>, AttemptError> {
        let FaceOrigin::Url(url) = &self.claim.job.face else {
            return Ok(None);
        };
        let begin = Instant::now();
        let image = match local_file_name(url, &self.claim.job.base_url) {
            Some(name) => self.read_own(name).await.map(PhotoSource::Stored),
            None => {
                let image = self.context.faces.fetch(url).await;
                image.map(PhotoSource::Untrusted).map_err(of_face)
            }
        };
        metrics::stage(Stage::FaceFetch, begin.elapsed());
        self.running.fetched();
        // Another job may be claimed now.
        self.context.storage.publish(Event::JobQueued);
        image.map(Some)
    }

    /// Reads a photo whose URL is this server's, without the network.
    async fn read_own(&self, name: &str) -> Result<FaceImage, AttemptError> {
        let file = match FileName::parse(name) {
            Some(name) => self.look_up(&name).await?,
            None => None,
        };
        file.map(FaceImage::from).ok_or_else(|| {
            tracing::info!("face image not found on this server");
            of_face(FaceError::answered(404))
        })
    }

    async fn look_up(&self, name: &FileName) -> Result<Option<Vec<u8>>, AttemptError> {
        let find = || files::find(&self.context.storage, name);
        let found = retry(self.context.storage.config().lease, "find image", find).await;
        let found = found.map_err(|error| {
            tracing::error!(%error, "failed to find the image that is a job's face_image");
            unreadable(&error)
        });
        let Some(found) = found? else {
            return Ok(None);
        };
        // It may be in a bucket, which is as slow as any other host.
        let deadline = self.context.storage.config().face_timeout;
        let read = timeout(deadline, files::read_found(&self.context.storage, found)).await;
        let read = read.map_err(|_| {
            tracing::info!("timed out reading the image that is a job's face_image");
            of_face(FaceError::timed_out(deadline))
        })?;
        read.map_err(|error| {
            tracing::error!(%error, "failed to read the image that is a job's face_image");
            of_face(FaceError::answered(500))
        })
    }

    /// Decodes the photo that was fetched, or that came with the request.
    pub(super) async fn photo(&self, fetched: Option<PhotoSource>) -> Result<Photo, AttemptError> {
        let Job {
            id, file_prefix, ..
        } = &self.claim.job;
        if let Some(photo) = self.context.storage.photo_cache.take(file_prefix) {
            return Ok(photo);
        }
        let image = match fetched {
            Some(image) => image,
            None => {
                let read = || self.context.storage.stores.jobs.photo(*id);
                let image =
                    retry(self.context.storage.config().lease, "read face_image", read).await;
                let image = image.map_err(|error| {
                    tracing::error!(%error, "failed to read face_image of job");
                    AttemptError::StoreFailed
                });
                let image = image?.ok_or_else(|| AttemptError::Failed(failures::photo_lost()))?;
                PhotoSource::Untrusted(image)
            }
        };
        self.context.decoder.decode(image).await.map_err(of_face)
    }
}

/// Returns what an unreadable image means for its job, which waits for a store
/// that may come back. A damaged row or one key's bucket must not delay others.
fn unreadable(error: &JobError) -> AttemptError {
    if error.code() == ErrorCode::Unavailable {
        AttemptError::StoreFailed
    } else {
        of_face(FaceError::answered(500))
    }
}
