//! Pictures that callers have sent: the file goes, then its row.

use facegen_core::{FilePrefix, Timestamp};

use super::{CleaningError, Janitor};
use crate::service::uploads::object;
use crate::store::StoreError;

impl Janitor {
    /// Goes on behind files that cannot be deleted, as with those of jobs.
    pub(super) async fn erase_uploads(&self, now: Timestamp) -> Result<(), CleaningError> {
        let (mut last, mut kept, mut first_error) = (0, 0_usize, None);
        loop {
            let expired = self.shared.store.expired_uploads(now, last).await?;
            let Some((end, _)) = expired.last() else {
                break;
            };
            last = *end;
            for (id, prefix) in expired {
                if let Err(error) = self.erase_upload(id, prefix).await {
                    kept += 1;
                    first_error.get_or_insert((id, error));
                }
            }
        }
        if let Some((upload, error)) = first_error {
            tracing::error!(upload, %error, uploads = kept, "cannot delete some pictures that were sent");
        }
        Ok(())
    }

    async fn erase_upload(
        &self,
        id: i64,
        prefix: Result<FilePrefix, StoreError>,
    ) -> Result<(), CleaningError> {
        self.shared.ports.images.delete(&object(prefix?)).await?;
        self.shared.store.delete_upload(id).await?;
        Ok(())
    }
}
