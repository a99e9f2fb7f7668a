//! The nodes, and what they are ordered to do.

use async_trait::async_trait;
use facegen_core::Timestamp;
use facegen_core::store::{Node, NodeRole, NodeStore, Order, Orders, StoreError, WorkerId};

use super::database::Database;
use crate::rows::{self, failed, json};

const HEARTBEAT: &str = "
    INSERT OR REPLACE INTO nodes
        (id, role, name, preset, engines, models, version, draining, started_at, seen_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const ORDERS: &str = "SELECT restarts, updates, cleared_caches FROM installation";

const AGREE: &str = "
    UPDATE installation SET master_key_fingerprint = coalesce(master_key_fingerprint, ?1)
    RETURNING master_key_fingerprint = ?1";

/// The nodes of one database.
#[derive(Debug, Clone)]
pub(crate) struct SqliteNodes(pub(crate) Database);

#[async_trait]
impl NodeStore for SqliteNodes {
    /// A lock of the directory has refused a second server already.
    async fn join(&self, _: NodeRole) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn heartbeat(&self, node: &Node) -> Result<Orders, StoreError> {
        let mut transaction = self.0.writer.begin().await?;
        sqlx::query(HEARTBEAT)
            .bind(node.id.as_str())
            .bind(node.role.as_str())
            .bind(&node.name)
            .bind(&node.preset)
            .bind(json("engines", &node.engines)?)
            .bind(node.models)
            .bind(&node.version)
            .bind(node.draining)
            .bind(node.started_at.as_millis())
            .bind(node.seen_at.as_millis())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let row = sqlx::query(ORDERS).fetch_one(&mut *transaction).await;
        let orders = rows::orders(&row.map_err(failed)?)?;
        transaction.commit().await.map_err(failed)?;
        Ok(orders)
    }

    async fn list(&self, since: Timestamp) -> Result<Vec<Node>, StoreError> {
        let rows = sqlx::query("SELECT * FROM nodes WHERE seen_at >= ? ORDER BY role, name, id")
            .bind(since.as_millis())
            .fetch_all(&self.0.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(rows::node).collect()
    }

    async fn remove(&self, id: &WorkerId) -> Result<(), StoreError> {
        let remove = sqlx::query("DELETE FROM nodes WHERE id = ?").bind(id.as_str());
        let removed = remove.execute(&self.0.writer).await;
        removed.map(drop).map_err(failed)
    }

    async fn remove_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        let remove = sqlx::query("DELETE FROM nodes WHERE seen_at < ?").bind(before.as_millis());
        let removed = remove.execute(&self.0.writer).await.map_err(failed)?;
        Ok(removed.rows_affected())
    }

    async fn order(&self, order: Order) -> Result<i64, StoreError> {
        sqlx::query_scalar(match order {
            Order::Restart => "UPDATE installation SET restarts = restarts + 1 RETURNING restarts",
            Order::Update => "UPDATE installation SET updates = updates + 1 RETURNING updates",
            Order::ClearCache => {
                "UPDATE installation SET cleared_caches = cleared_caches + 1 RETURNING cleared_caches"
            }
        })
        .fetch_one(&self.0.writer)
        .await
        .map_err(failed)
    }

    async fn agree(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        sqlx::query_scalar(AGREE)
            .bind(&fingerprint[..])
            .fetch_one(&self.0.writer)
            .await
            .map_err(failed)
    }

    async fn fingerprint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT master_key_fingerprint FROM installation")
            .fetch_one(&self.0.readers)
            .await
            .map_err(failed)
    }

    async fn forget_fingerprint(&self) -> Result<(), StoreError> {
        let forget = sqlx::query("UPDATE installation SET master_key_fingerprint = NULL");
        let forgotten = forget.execute(&self.0.writer).await;
        forgotten.map(drop).map_err(failed)
    }
}
