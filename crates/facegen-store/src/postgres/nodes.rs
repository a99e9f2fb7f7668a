//! The nodes, and what they are ordered to do.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::store::{Node, NodeRole, NodeStore, Order, Orders, StoreError, WorkerId};
use sqlx::{Row as _, query};

use super::database::Database;
use super::text::clean;
use crate::rows::{self, failed, json};

const HEARTBEAT: &str = "
    WITH heartbeat AS (
        INSERT INTO nodes (id, role, name, preset, engines, models, version, draining, started_at, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (id) DO UPDATE
        SET role = excluded.role, name = excluded.name, preset = excluded.preset,
            engines = excluded.engines, models = excluded.models, version = excluded.version,
            draining = excluded.draining, started_at = excluded.started_at, seen_at = excluded.seen_at
    )
    SELECT restarts, updates, cleared_caches FROM installation";

const AGREE: &str = "
    UPDATE installation SET master_key_fingerprint = coalesce(master_key_fingerprint, $1)
    RETURNING master_key_fingerprint = $1 AS agrees";

/// The nodes of one database.
#[derive(Debug, Clone)]
pub(super) struct PostgresNodes(pub(super) Database);

#[async_trait]
impl NodeStore for PostgresNodes {
    async fn join(&self, role: NodeRole) -> Result<bool, StoreError> {
        self.0.noted(self.0.presence.join(role).await)
    }

    async fn heartbeat(&self, node: &Node) -> Result<Orders, StoreError> {
        let heartbeat = query(HEARTBEAT)
            .bind(node.id.as_str())
            .bind(node.role.as_str())
            .bind(clean(&node.name))
            .bind(clean(&node.preset))
            .bind(json("engines", &node.engines)?)
            .bind(i64::from(node.models))
            .bind(clean(&node.version))
            .bind(i64::from(node.draining))
            .bind(node.started_at.as_millis())
            .bind(node.seen_at.as_millis());
        let orders = rows::orders(&self.0.one(heartbeat).await?);
        self.0.presence.keep().await;
        orders
    }

    async fn list(&self, since: Timestamp) -> Result<Vec<Node>, StoreError> {
        let list = query("SELECT * FROM nodes WHERE seen_at >= $1 ORDER BY role, name, id")
            .bind(since.as_millis());
        self.0.all(list).await?.iter().map(rows::node).collect()
    }

    async fn remove(&self, id: &WorkerId) -> Result<(), StoreError> {
        let remove = query("DELETE FROM nodes WHERE id = $1").bind(id.as_str());
        self.0.execute(remove).await.map(drop)
    }

    async fn remove_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        let remove = query("DELETE FROM nodes WHERE seen_at < $1").bind(before.as_millis());
        self.0.execute(remove).await
    }

    async fn order(&self, order: Order) -> Result<i64, StoreError> {
        let order = query(match order {
            Order::Restart => "UPDATE installation SET restarts = restarts + 1 RETURNING restarts",
            Order::Update => "UPDATE installation SET updates = updates + 1 RETURNING updates",
            Order::ClearCache => {
                "UPDATE installation SET cleared_caches = cleared_caches + 1 RETURNING cleared_caches"
            }
        });
        self.0.one(order).await?.try_get(0).map_err(failed)
    }

    async fn agree(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        let agree = query(AGREE).bind(&fingerprint[..]);
        self.0.one(agree).await?.try_get(0).map_err(failed)
    }

    async fn fingerprint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = query("SELECT master_key_fingerprint FROM installation");
        self.0.one(row).await?.try_get(0).map_err(failed)
    }

    async fn forget_fingerprint(&self) -> Result<(), StoreError> {
        let forget = query("UPDATE installation SET master_key_fingerprint = NULL");
        self.0.execute(forget).await.map(drop)
    }
}
