//! The answers of the calls that control the server.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::SystemStatus;
use crate::openapi::{examples, words};

/// The call succeeded.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::done)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    #[schema(schema_with = words::success)]
    status: &'static str,
    message: &'static str,
}

impl Done {
    /// Creates the answer with this message.
    pub(crate) fn new(message: &'static str) -> Self {
        Self {
            status: "success",
            message,
        }
    }
}

/// The models are being reloaded. Two versions of the documentation have one of
/// the last two keys each.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::restarting)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restarting {
    #[schema(schema_with = words::success)]
    status: &'static str,
    message: &'static str,
    server_status: &'static str,
}

impl Restarting {
    /// Creates the answer.
    pub(crate) fn new() -> Self {
        Self {
            status: "success",
            message: "server restarting",
            server_status: "restarting",
        }
    }
}

/// The state of the server.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::system_details)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemDetails {
    status: SystemStatus,
    model_count: usize,
    /// The expected queue time, in seconds.
    queue_time: u64,
}

impl SystemDetails {
    /// Creates the answer of a server with this many loaded networks, whose
    /// queue takes `backlog`.
    pub(crate) fn new(status: SystemStatus, model_count: usize, backlog: Duration) -> Self {
        Self {
            status,
            model_count,
            // Rounded up: 0 only when the queue is empty.
            queue_time: backlog.as_secs() + u64::from(backlog.subsec_nanos() > 0),
        }
    }
}
