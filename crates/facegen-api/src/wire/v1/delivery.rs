//! The details of one delivery.

use facegen_core::store::DeliveryRecord;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;

/// One delivery: a webhook, or an upload to a bucket.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// The `webhook-id` in the header of a webhook.
    id: String,
    kind: &'static str,
    job_id: u32,
    state: String,
    attempts: u32,
    next_attempt_at: Option<String>,
    last_error: Option<String>,
    created_at: Option<String>,
    finished_at: Option<String>,
}

impl From<DeliveryRecord> for DeliveryBody {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.name,
            kind: record.kind.as_str(),
            job_id: record.job.get(),
            state: record.state,
            attempts: record.attempts,
            next_attempt_at: record.next_attempt_at.and_then(rfc3339),
            last_error: record.last_error,
            created_at: rfc3339(record.created_at),
            finished_at: record.finished_at.and_then(rfc3339),
        }
    }
}
