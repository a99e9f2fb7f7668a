//! Deletes images that callers have sent: the file, then its row.

use facegen_core::store::StoreError;
use facegen_core::{FilePrefix, Timestamp};

use super::{CleaningError, FailureSummary, Janitor};
use crate::files::upload_object::object;

impl Janitor {
    pub(super) async fn erase_uploads(&self, now: Timestamp) -> Result<(), CleaningError> {
        let (mut last, mut failures) = (0, FailureSummary::default());
        loop {
            let expired = self.storage.stores.uploads.expired(now, last).await?;
            let Some((end, _)) = expired.last() else {
                break;
            };
            last = *end;
            for (id, prefix) in expired {
                failures.record(id, self.erase_upload(id, prefix).await);
            }
        }
        failures.log("some images that were sent");
        Ok(())
    }

    async fn erase_upload(
        &self,
        id: i64,
        prefix: Result<FilePrefix, StoreError>,
    ) -> Result<(), CleaningError> {
        self.storage.images.delete(&object(prefix?)).await?;
        self.storage.stores.uploads.delete(id).await?;
        Ok(())
    }
}
