//! A row as a node.

use facegen_core::Timestamp;
use facegen_core::store::{Node, NodeRole, Orders, StoreError, WorkerId};

use super::Columns;

/// Reads a node.
///
/// # Errors
/// The row holds what this program did not write.
pub(crate) fn node(row: &impl Columns) -> Result<Node, StoreError> {
    let started_at = row.int("started_at")?;
    let unreadable = |column| StoreError::UnreadableRow {
        table: "nodes",
        // Nodes have no numbers.
        id: started_at,
        column,
    };
    let engines = serde_json::from_str(row.text("engines")?);
    Ok(Node {
        id: WorkerId::new(row.text("id")?),
        role: NodeRole::from_name(row.text("role")?).ok_or_else(|| unreadable("role"))?,
        name: row.text("name")?.to_owned(),
        preset: row.text("preset")?.to_owned(),
        engines: engines.map_err(|_| unreadable("engines"))?,
        models: row.small("models")?,
        version: row.text("version")?.to_owned(),
        draining: row.int("draining")? != 0,
        started_at: Timestamp::from_millis(started_at),
        seen_at: Timestamp::from_millis(row.int("seen_at")?),
    })
}

/// Reads how often each order was given.
///
/// # Errors
/// The row lacks a column.
pub(crate) fn orders(row: &impl Columns) -> Result<Orders, StoreError> {
    Ok(Orders {
        restart: row.int("restarts")?,
        update: row.int("updates")?,
        clear_cache: row.int("cleared_caches")?,
    })
}
