//! The rights of nodes whose roles of the database own no table.
//!
//! A role gets what the statements of its nodes need, and no more: a worker reads no hash of a
//! key, adds no job and no webhook, and deletes nothing. What triggers write for it is written
//! with the rights of the owner.

use facegen_core::store::{NodeRole, StoreError};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::bounded::{STATEMENT_TIMEOUT, bounded};
use crate::rows::failed;

/// Those of a server that answers requests: all rows, but no table.
const API: &[&str] = &[
    "SELECT, INSERT, UPDATE, DELETE ON keys, generations, photos, deliveries, key_buckets,
     idempotency, uploads, request_rates, nodes, job_presets",
    "SELECT, UPDATE ON installation",
    "SELECT ON _sqlx_migrations",
    "INSERT ON writer_probe",
    "USAGE ON SEQUENCE numbers",
];

/// Those of a server that makes images.
const WORKER: &[&str] = &[
    "SELECT ON generations, photos, job_presets, key_buckets, uploads, installation, _sqlx_migrations",
    "SELECT (id, last_served) ON keys",
    "UPDATE (state, request, cost, attempt, crashes, kills, in_engine, claimed_by, claimed_at,
             lease_until, finished_at, generation_ms, failure_code, failure_message, warnings,
             expires_at, link_base, upload, stages, images, engine) ON generations",
    "SELECT, INSERT, UPDATE, DELETE ON nodes",
    "UPDATE (master_key_fingerprint) ON installation",
    "INSERT ON writer_probe",
];

/// Gives the rights of nodes to a role of the database, by the owner of the tables.
///
/// # Errors
/// There is no such role, or the connection is not the owner's.
pub(super) async fn grant(
    options: &PgConnectOptions,
    role: NodeRole,
    name: &str,
) -> Result<(), StoreError> {
    let grant = async {
        let mut connection = PgConnection::connect_with(options).await?;
        let statements = AssertSqlSafe(statements(role, name));
        connection.execute(statements).await?;
        connection.close().await
    };
    bounded(STATEMENT_TIMEOUT, grant).await.map_err(failed)
}

/// Returns the statements, which are executed together or not at all.
fn statements(role: NodeRole, name: &str) -> String {
    let rights = match role {
        NodeRole::All => [API, WORKER].concat(),
        NodeRole::Api => API.to_vec(),
        NodeRole::Worker => WORKER.to_vec(),
    };
    let name = format!("\"{}\"", name.replace('"', "\"\""));
    let statements = rights.iter().map(|one| format!("GRANT {one} TO {name};"));
    statements.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_statement() {
        let statements = statements(NodeRole::Worker, "a\"; DROP TABLE keys; --");
        assert!(statements.ends_with("TO \"a\"\"; DROP TABLE keys; --\";"));
        assert!(!statements.contains("hash"));
    }
}
