//! Health checks of the database and the image directory.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreFault;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::context::Storage;

/// How often the database is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How many checks of the database there are for each one of the image
/// directory, which writes to it.
const CHECKS_PER_IMAGE: u32 = 5;

/// The shortest time between two checks.
const PAUSE: Duration = Duration::from_millis(200);

/// Checks the database and the directory until it is stopped.
pub(crate) async fn watch(storage: Arc<Storage>, stop: CancellationToken) {
    let health = &storage.stores.health;
    let check = async {
        let mut checks = 0_u32;
        loop {
            let in_doubt = tokio::select! {
                () = health.doubted() => true,
                () = sleep(CHECK_INTERVAL) => health.fault().is_some(),
            };
            let mut fault = health.check(in_doubt).await;
            let was_images = health.fault() == Some(StoreFault::Images);
            if fault.is_none() && (was_images || checks.is_multiple_of(CHECKS_PER_IMAGE)) {
                fault = images_fault(&storage, was_images).await;
            }
            health.set_fault(fault);
            checks = checks.wrapping_add(1);
            sleep(PAUSE).await;
        }
    };
    let _: Option<()> = stop.run_until_cancelled(check).await;
}

/// Returns what is wrong with the directory of images. It is logged once.
async fn images_fault(storage: &Storage, is_known: bool) -> Option<StoreFault> {
    let error = storage.images.check().await.err()?;
    if !is_known {
        tracing::warn!(%error, "image directory is not writable");
    }
    Some(StoreFault::Images)
}
