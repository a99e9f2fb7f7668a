//! The stores in PostgreSQL, on a server that the tests start.

mod connections;
mod deliveries;
mod events;
mod nodes;
pub(super) mod server;

use self::server::{Server, stores};
use crate::conformance;

#[tokio::test]
async fn postgres_conforms() {
    conformance::all(async || {
        let source = Server::get().create().await;
        conformance::Fresh {
            stores: stores(&source).await,
            _keep: (),
        }
    })
    .await;
}
