//! Deletes what has expired: images, then their rows.

#[cfg(test)]
mod tests;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::Timestamp;
use facegen_core::job::Job;
use facegen_core::store::StoreError;
use thiserror::Error;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::context::Storage;

/// The time between two runs.
const EVERY: Duration = Duration::from_mins(1);

/// How often the clock, which can be set, is compared with the last run.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a file without a success stays after its images' retention: an
/// attempt that was given up may still be writing.
const LEFTOVERS: Duration = Duration::from_hours(1);

/// How long a node that has crashed stays in the list of nodes.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// Deletes what has expired.
pub(crate) struct Janitor {
    storage: Arc<Storage>,
    stop: CancellationToken,
}

#[derive(Debug, Error)]
enum CleaningError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Images(#[from] facegen_core::StorageError),
}

impl Janitor {
    /// Creates a janitor, without starting it.
    pub(crate) fn new(storage: Arc<Storage>, stop: CancellationToken) -> Self {
        Self { storage, stop }
    }

    /// Cleans at once and then every minute, until it is stopped.
    pub(crate) async fn run(self) {
        let work = async {
            loop {
                let now = self.storage.clock.now();
                self.clean(now).await;
                self.pause_after(now).await;
            }
        };
        let _: Option<()> = self.stop.run_until_cancelled(work).await;
    }

    async fn pause_after(&self, last: Timestamp) {
        loop {
            sleep(POLL_INTERVAL).await;
            let now = self.storage.clock.now();
            // A clock that was set back must not put this off.
            if now < last || now.since(last) >= EVERY {
                return;
            }
        }
    }

    /// Cleans once. A failure to delete one kind does not stop the others.
    async fn clean(&self, now: Timestamp) {
        for cleaned in [
            self.erase_images(now).await,
            self.erase_uploads(now).await,
            self.erase_leftovers(now).await,
            self.delete_rows(now).await,
            self.forget_nodes(now).await,
            self.truncate_log().await,
        ] {
            if let Err(error) = cleaned {
                tracing::error!(%error, "cleanup failed, will be retried in a minute");
            }
        }
    }

    async fn erase_images(&self, now: Timestamp) -> Result<(), CleaningError> {
        let (mut last, mut failures) = (0, FailureSummary::default());
        loop {
            let expired = self.storage.stores.housekeeping.expired(now, last).await?;
            let Some((end, _)) = expired.last() else {
                break;
            };
            last = *end;
            for (id, job) in expired {
                failures.record(id, self.erase(job, now).await);
            }
        }
        failures.log("the images of some jobs");
        Ok(())
    }

    async fn erase(
        &self,
        job: Result<Job, StoreError>,
        now: Timestamp,
    ) -> Result<(), CleaningError> {
        let job = job?;
        for object in job.objects() {
            self.storage.images.delete(&object).await?;
        }
        self.storage
            .stores
            .housekeeping
            .images_deleted(job.id, now)
            .await?;
        Ok(())
    }

    /// Deletes orphaned files; a shorter retention does not apply to those made before it.
    async fn erase_leftovers(&self, now: Timestamp) -> Result<(), CleaningError> {
        let oldest = self.storage.stores.housekeeping.oldest_kept(now).await?;
        let before = now - self.storage.config().keep_images;
        let before = oldest.map_or(before, |oldest| oldest.min(before)) - LEFTOVERS;
        let files = self.storage.images.delete_before(before).await?;
        if files > 0 {
            tracing::info!(files, "orphaned files deleted");
        }
        Ok(())
    }

    async fn delete_rows(&self, now: Timestamp) -> Result<(), CleaningError> {
        let config = self.storage.config();
        let erased_before = now - config.keep_rows;
        let ended_before = erased_before - config.keep_images;
        let housekeeping = &self.storage.stores.housekeeping;
        let mut rows = 0;
        loop {
            let deleted = housekeeping
                .delete_rows(erased_before, ended_before)
                .await?;
            if deleted == 0 {
                break;
            }
            rows += deleted;
        }
        if rows > 0 {
            tracing::info!(rows, "expired jobs deleted");
        }
        Ok(())
    }

    /// Deletes the rows of nodes that have crashed; the others delete their own.
    async fn forget_nodes(&self, now: Timestamp) -> Result<(), CleaningError> {
        let nodes = &self.storage.stores.nodes;
        let crashed = nodes.remove_before(now - FORGOTTEN).await?;
        if crashed > 0 {
            tracing::info!(nodes = crashed, "crashed nodes deleted");
        }
        Ok(())
    }

    async fn truncate_log(&self) -> Result<(), CleaningError> {
        if !self.storage.stores.housekeeping.compact().await? {
            tracing::warn!("wal checkpoint failed, will be retried in a minute");
        }
        Ok(())
    }
}

/// The failures to delete something, which is tried again the next time. There
/// may be many, so they are logged together.
#[derive(Debug, Default)]
struct FailureSummary {
    rows: usize,
    first: Option<(i64, CleaningError)>,
}

impl FailureSummary {
    fn record(&mut self, row: i64, erased: Result<(), CleaningError>) {
        if let Err(error) = erased {
            self.rows += 1;
            self.first.get_or_insert((row, error));
        }
    }

    fn log(self, what: &str) {
        if let Some((first, error)) = self.first {
            tracing::error!(first, %error, rows = self.rows, "cannot delete {what}");
        }
    }
}
