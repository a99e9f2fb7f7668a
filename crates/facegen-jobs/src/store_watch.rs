//! Watches the database and the folder of pictures.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::context::Shared;
use crate::store::{StoreFault, probe};

/// How often the database is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many looks there are for each one at the folder of pictures, which is
/// written by looking.
const LOOKS_PER_PICTURE: u32 = 5;

/// The shortest time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks at the database until it is stopped.
pub(crate) async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    let store = shared.store.clone();
    let look_again_and_again = async {
        let mut looks = 0_u32;
        loop {
            let is_doubted = tokio::select! {
                () = store.writer.doubted() => true,
                () = sleep(LOOK_EVERY) => store.health.fault().is_some(),
            };
            let mut fault = look(&shared, is_doubted).await;
            let was_pictures = store.health.fault() == Some(StoreFault::Pictures);
            if fault.is_none() && (was_pictures || looks.is_multiple_of(LOOKS_PER_PICTURE)) {
                fault = pictures_fault(&shared, was_pictures).await;
            }
            store.health.set(fault);
            looks = looks.wrapping_add(1);
            sleep(PAUSE).await;
        }
    };
    let _: Option<()> = stop.run_until_cancelled(look_again_and_again).await;
}

/// What is wrong with the folder of pictures. It is logged once.
async fn pictures_fault(shared: &Shared, is_known: bool) -> Option<StoreFault> {
    let error = shared.ports.images.check().await.err()?;
    if !is_known {
        tracing::warn!(%error, "no picture can be kept");
    }
    Some(StoreFault::Pictures)
}

/// What is wrong with the database at this moment.
async fn look(shared: &Arc<Shared>, is_doubted: bool) -> Option<StoreFault> {
    let files = shared.store.files.clone();
    let lock = Arc::clone(shared);
    let looking = tokio::task::spawn_blocking(move || (files.are_there(), lock.keep_lock()));
    match looking.await {
        Ok((false, _)) => return Some(StoreFault::Gone),
        Ok((true, Err(_))) => return Some(StoreFault::Unlocked),
        Ok((true, Ok(()))) | Err(_) => {}
    }
    probe::writer_fault(&shared.store, is_doubted).await
}
