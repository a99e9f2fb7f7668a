//! What an attempt writes about its job while that goes on.

use facegen_core::RgbImage;
use facegen_core::store::{StoreError, cost};

use super::Attempt;
use crate::retry::retry;
use crate::worker::stop::AttemptError;

impl Attempt {
    /// Sets the size of images that follow their photo's, for this attempt and
    /// all others.
    pub(super) async fn fit(&self, face: &RgbImage) -> Result<(), AttemptError> {
        if self.request().spec.auto_size().is_none() {
            return Ok(());
        }
        let request = self.request().clone();
        let fitted = request.fitted_to(face.width() as u32, face.height() as u32);
        let write = || {
            self.context
                .storage
                .stores
                .jobs
                .resolve_size(self.claim.fence, &fitted)
        };
        self.write("fit a job to its photo", write).await?;
        self.running.costs(cost(&fitted));
        // It is set only here.
        let _ = self.fitted.set(fitted);
        Ok(())
    }

    /// Records that the engine gets the job, so that it alone is suspect should
    /// the process die.
    pub(super) async fn enter(&self) -> Result<(), AttemptError> {
        let write = || self.context.storage.stores.jobs.enter(self.claim.fence);
        self.write("note that the engine gets a job", write).await
    }

    /// Stores the warnings about the photo before the job can fail: they may be
    /// the reason.
    pub(super) async fn warn(&self, warnings: &[String]) -> Result<(), AttemptError> {
        if warnings.is_empty() {
            return Ok(());
        }
        let write = || {
            self.context
                .storage
                .stores
                .jobs
                .warn(self.claim.fence, warnings)
        };
        self.write("note the warnings of a job", write).await
    }

    /// Writes something about the job, which must still belong to this attempt.
    async fn write<F>(
        &self,
        what: &'static str,
        write: impl FnMut() -> F,
    ) -> Result<(), AttemptError>
    where
        F: Future<Output = Result<bool, StoreError>>,
    {
        match retry(self.context.storage.config().lease, what, write).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AttemptError::Lost),
            Err(error) => {
                tracing::error!(%error, "failed to {what}");
                Err(AttemptError::StoreFailed)
            }
        }
    }
}
