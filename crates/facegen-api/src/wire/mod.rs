//! The bodies of answers, with exactly the documented keys in the documented
//! order.
//!
//! | chapter | holds |
//! |---|---|
//! | [`meta`] | [`Meta`], the request as it was understood |
//! | [`generation`] | what `make_gen` answers |
//! | [`v1`] | what the routes below `/v1` answer |
//! | [`fetch`] | what `fetch` answers |
//! | [`uploaded`] | what is answered to those who send an image to get a link |
//! | [`control`] | what is answered to those who control the server |

mod control;
mod fetch;
mod generation;
mod meta;
mod uploaded;
pub(crate) mod v1;

#[cfg(test)]
mod tests;

pub(crate) use control::{Done, Restarting, SystemDetails};
pub(crate) use fetch::{FetchProcessing, FetchSuccess, Fetched};
pub(crate) use generation::{Failed, Generation, Processing, Success, failure_message};
use meta::Meta;
pub(crate) use uploaded::ImageKept;

use std::time::Duration;

use crate::error::whole_seconds;

/// What callers are told while they wait.
const PROCESSING_TIP: &str =
    "Your image is processing in background, you can get this image using fetch API";

/// An estimate as callers get it: whole seconds, at least 1, because some
/// clients wait only for an integer.
fn eta(estimate: Duration) -> u64 {
    whole_seconds(estimate)
}
