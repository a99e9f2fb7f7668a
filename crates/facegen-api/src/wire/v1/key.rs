//! What a key is.

use facegen_core::{Key, KeyLimits};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::{foreign, words};

/// The key of the call.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyBody<'a> {
    #[schema(schema_with = words::success)]
    status: &'static str,
    /// The name that the operator gave it.
    name: &'a str,
    #[schema(schema_with = foreign::key_role)]
    role: &'static str,
    limits: Limits,
}

/// The limits of the key; null means no limit.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyLimits)]
struct Limits {
    /// How many requests to generate or upload images it may make within any
    /// minute.
    requests_per_minute: Option<u32>,
    /// How many of its jobs may be queued at once.
    queue_share: Option<u32>,
    /// How many bytes of its uploaded images may be stored at once.
    upload_bytes: Option<u64>,
    /// How many event streams it may have open at once.
    event_streams: Option<usize>,
}

impl<'a> KeyBody<'a> {
    /// Creates the answer about a key with these limits and so many event
    /// streams.
    pub(crate) fn new(key: &'a Key, limits: KeyLimits, event_streams: usize) -> Self {
        Self {
            status: "success",
            name: &key.name,
            role: key.role.as_str(),
            limits: Limits {
                requests_per_minute: or_none(limits.requests_per_minute),
                queue_share: or_none(limits.queue_share),
                upload_bytes: or_none(limits.upload_bytes),
                event_streams: or_none(event_streams),
            },
        }
    }
}

/// Returns `None` for the 0 that means no limit.
fn or_none<T: Default + PartialEq>(limit: T) -> Option<T> {
    (limit != T::default()).then_some(limit)
}
