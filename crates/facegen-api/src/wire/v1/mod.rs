//! The answers of the routes below `/v1`.

pub(crate) mod delivery;
pub(crate) mod faces;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod progress;

use facegen_core::Timestamp;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use crate::openapi::words;

/// Formats a time as RFC 3339, in UTC; `None` beyond the year 9999.
fn rfc3339(moment: Timestamp) -> Option<String> {
    let nanoseconds = i128::from(moment.as_millis()) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
    moment.format(&Rfc3339).ok()
}

/// One page of a list, the latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T, C> {
    #[schema(schema_with = words::success)]
    status: &'static str,
    items: Vec<T>,
    /// The `before` of the next page; null on the last one.
    #[schema(value_type = Option<i64>)]
    next_before: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Creates a page.
    pub(crate) fn new(items: Vec<T>, next_before: Option<C>) -> Self {
        Self {
            status: "success",
            items,
            next_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let written = |millis| rfc3339(Timestamp::from_millis(millis));
        assert_eq!(written(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        let leap_day = written(1_709_210_096_789);
        assert_eq!(leap_day.as_deref(), Some("2024-02-29T12:34:56.789Z"));
        assert_eq!(written(i64::MAX), None);
    }
}
