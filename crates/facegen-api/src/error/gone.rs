//! Errors for images that were deleted.

use facegen_core::Job;
use facegen_core::{JobState, Timestamp};

use super::ApiError;

impl ApiError {
    /// Returns why a job that succeeded has no images any more, if so.
    pub(crate) fn of_gone(job: &Job, now: Timestamp) -> Option<Self> {
        if job.state != JobState::Succeeded {
            return None;
        }
        if job.erased_at.is_some() {
            return Some(Self::Erased);
        }
        let expires_at = job.expires_at.filter(|_| job.has_expired(now))?;
        // The retention when they were made, not that of the config now.
        let keep = expires_at.since(job.finished_at.unwrap_or(job.created_at));
        Some(Self::Expired { keep })
    }
}
