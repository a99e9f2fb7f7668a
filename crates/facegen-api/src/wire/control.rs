//! What is answered to those who control the server.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::SystemStatus;
use crate::openapi::{examples, words};

/// It is done.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::done)]
#[serde(deny_unknown_fields)]
pub(crate) struct Done {
    #[schema(schema_with = words::success)]
    status: &'static str,
    message: &'static str,
}

impl Done {
    /// The answer in these words.
    pub(crate) fn new(message: &'static str) -> Self {
        Self {
            status: "success",
            message,
        }
    }
}

/// The models are loaded anew. Two versions of the documentation have one of
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
    /// The answer.
    pub(crate) fn new() -> Self {
        Self {
            status: "success",
            message: "server restarting",
            server_status: "restarting",
        }
    }
}

/// What the server is at.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::system_details)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemDetails {
    status: SystemStatus,
    model_count: usize,
    /// In seconds.
    queue_time: u64,
}

impl SystemDetails {
    /// The answer of a server that has loaded so many networks, and where
    /// nothing waits any more after `backlog`.
    pub(crate) fn new(status: SystemStatus, model_count: usize, backlog: Duration) -> Self {
        Self {
            status,
            model_count,
            // Rounded up: it is 0 only when nothing waits.
            queue_time: backlog.as_secs() + u64::from(backlog.subsec_nanos() > 0),
        }
    }
}
