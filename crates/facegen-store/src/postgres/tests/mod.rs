//! The stores in PostgreSQL, on a server that the tests start.

mod connections;
mod deliveries;
mod events;
mod housekeeping;
mod nodes;
mod proxy;
mod schema;
pub(crate) mod server;
mod unresponsive;

use self::server::{new_database, stores};
use crate::conformance;

#[tokio::test]
async fn postgres_conforms() {
    conformance::all(async || {
        let source = new_database().await;
        conformance::Fresh {
            stores: stores(&source).await,
            _keep: (),
        }
    })
    .await;
}
