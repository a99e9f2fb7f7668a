//! What is answered to those who control the server.

use std::time::Duration;

use serde::Serialize;

use crate::SystemStatus;

/// It is done.
#[derive(Serialize)]
pub(crate) struct Done {
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
#[derive(Serialize)]
pub(crate) struct Restarting {
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
#[derive(Serialize)]
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
