//! Watches the database.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::StoreHealth;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the database is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two checks.
const PAUSE: Duration = Duration::from_millis(200);

/// Checks the database until it is stopped.
pub(crate) async fn watch(health: Arc<dyn StoreHealth>, stop: CancellationToken) {
    let check = async {
        loop {
            let in_doubt = tokio::select! {
                () = health.doubted() => true,
                () = sleep(CHECK_INTERVAL) => health.fault().is_some(),
            };
            health.check(in_doubt).await;
            sleep(PAUSE).await;
        }
    };
    let _: Option<()> = stop.run_until_cancelled(check).await;
}
