//! The bodies of responses, with exactly the documented keys in the documented
//! order.

mod control;
mod fetch;
mod generation;
mod index;
mod meta;
mod page_key;
mod uploaded;
pub(crate) mod v1;

#[cfg(test)]
mod tests;

pub(crate) use control::{Done, Restarting, SystemDetails};
pub(crate) use fetch::{FetchProcessing, FetchSuccess, Fetched};
pub(crate) use generation::{Failed, Generation, Processing, Success, failure_message};
pub(crate) use index::Index;
use meta::Meta;
pub(crate) use page_key::PageKey;
pub(crate) use uploaded::ImageKept;

use std::time::Duration;

use crate::error::whole_seconds;

/// The tip while a job is in progress.
const PROCESSING_TIP: &str =
    "Your image is processing in background, you can get this image using fetch API";

/// Returns an estimate for callers: whole seconds, at least 1, because some
/// clients wait only for an integer.
fn eta(estimate: Duration) -> u64 {
    whole_seconds(estimate)
}
