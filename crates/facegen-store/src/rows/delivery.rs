//! A row as a delivery.

use facegen_core::Timestamp;
use facegen_core::key::KeyId;
use facegen_core::store::{Delivery, DeliveryKind, DeliveryRecord, StoreError};

use super::Columns;
use super::values::job_id;

/// Reads what a claim returns.
///
/// # Errors
/// The row holds what this program did not write.
pub(crate) fn delivery(row: &impl Columns, kind: DeliveryKind) -> Result<Delivery, StoreError> {
    let id = row.int("id")?;
    let unreadable = |column| StoreError::UnreadableRow {
        table: "deliveries",
        id,
        column,
    };
    let job = job_id(row.int("generation_id")?);
    let key = row.int_or_null("key_id")?;
    let attempt = row.small("attempt")?;
    let before = row.small("attempts_before")?;
    Ok(Delivery {
        id,
        kind,
        name: row.text("name")?.to_owned(),
        job: job.ok_or_else(|| unreadable("generation_id"))?,
        key: KeyId::new(key.ok_or_else(|| unreadable("key_id"))?),
        receiver: row.text("receiver")?.to_owned(),
        attempt,
        attempt_since_asked: attempt.saturating_sub(before),
    })
}

/// Reads all that is known of a delivery.
///
/// # Errors
/// The row holds what this program did not write.
pub(crate) fn record(row: &impl Columns) -> Result<DeliveryRecord, StoreError> {
    let unreadable = |column| StoreError::UnreadableRow {
        table: "deliveries",
        id: row.int("id").unwrap_or_default(),
        column,
    };
    let kind = row.text("kind")?;
    let kinds = [DeliveryKind::Webhook, DeliveryKind::Upload];
    let kind = kinds.into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or_else(|| unreadable("kind"))?;
    let state = row.text("state")?.to_owned();
    let last_error = row.text_or_null("last_error")?;
    let finished_at = row.int_or_null("finished_at")?;
    let run_at = Timestamp::from_millis(row.int("run_at")?);
    let job = job_id(row.int("generation_id")?);
    Ok(DeliveryRecord {
        number: row.int("id")?,
        name: row.text("name")?.to_owned(),
        kind,
        job: job.ok_or_else(|| unreadable("generation_id"))?,
        next_attempt_at: (state == "queued").then_some(run_at),
        state,
        attempts: row.small("attempt")?,
        last_error: last_error.map(|error| match kind {
            DeliveryKind::Webhook => error.to_owned(),
            // What a bucket says is for its operator.
            DeliveryKind::Upload => String::from("the bucket did not take the images"),
        }),
        created_at: Timestamp::from_millis(row.int("created_at")?),
        finished_at: finished_at.map(Timestamp::from_millis),
    })
}
