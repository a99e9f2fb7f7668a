//! How a job is erased. Each function is a part of its caller's transaction.

use facegen_core::Timestamp;
use facegen_core::job::JobId;
use facegen_core::key::KeyId;
use facegen_core::store::StoreError;
use serde_json::{Map, Value, json};
use sqlx::{Row as _, query};

use crate::postgres::session::Transaction;
use crate::rows::{Columns as _, failed};

/// The deliveries of a job come before the job, as when a delivery ends, so that the two
/// never wait for each other.
const LOCK_DELIVERIES: &str =
    "SELECT id FROM deliveries WHERE generation_id = $1 ORDER BY id FOR NO KEY UPDATE";

/// Whether a webhook has still to be sent.
const IS_SENT_LATER: &str = "
    SELECT EXISTS (
        SELECT 1 FROM deliveries
        WHERE generation_id = $1 AND kind = 'webhook' AND state IN ('queued', 'running')
    )";

const FIND: &str = "
    SELECT id, request FROM generations
    WHERE id = $1 AND key_id = $2 AND state NOT IN ('queued', 'running') FOR NO KEY UPDATE";

/// Leaves of an ended job that there was one, and where it stood.
const ERASE: &str = "
    UPDATE generations
    SET erased_at = coalesce(erased_at, $2), face_url = NULL, base_url = '', warnings = '[]',
        expires_at = CASE WHEN expires_at IS NOT NULL THEN least(expires_at, $2) END,
        images = NULL, request = $3
    WHERE id = $1";

/// Erases what the row of an ended job holds of a person, and drops an upload that
/// waits. False when there is no such job.
pub(super) async fn erase(
    transaction: &mut Transaction<'_>,
    key: KeyId,
    id: JobId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let id = i64::from(id.get());
    transaction.execute(query(LOCK_DELIVERIES).bind(id)).await?;
    let find = query(FIND).bind(id).bind(key.get());
    let Some(row) = transaction.optional(find).await? else {
        return Ok(false);
    };
    // After the row was locked, since its end may have added a delivery just before.
    let sent_later = transaction.one(query(IS_SENT_LATER).bind(id)).await?;
    let sent_later = sent_later.try_get(0).map_err(failed)?;
    let request = erased(row.text("request")?, sent_later).ok_or(StoreError::UnreadableRow {
        table: "generations",
        id,
        column: "request",
    })?;
    let erase = query(ERASE).bind(id).bind(now.as_millis());
    transaction.execute(erase.bind(request.to_string())).await?;
    let drop_upload = query(
        "DELETE FROM deliveries WHERE generation_id = $1 AND kind = 'upload' AND state = 'queued'",
    );
    transaction.execute(drop_upload.bind(id)).await?;
    Ok(true)
}

/// The request without what it holds of a person. The webhook stays while it has to be
/// sent; a trigger removes it then.
fn erased(request: &str, keeps_webhook: bool) -> Option<Value> {
    let mut request: Map<String, Value> = serde_json::from_str(request).ok()?;
    for (field, value) in [
        ("prompt", json!("erased")),
        ("negative_prompt", Value::Null),
        ("seed", json!(0)),
        ("track_id", Value::Null),
        ("warnings", json!([])),
    ] {
        request.insert(field.into(), value);
    }
    if !keeps_webhook {
        request.insert("webhook".into(), Value::Null);
    }
    Some(Value::Object(request))
}
