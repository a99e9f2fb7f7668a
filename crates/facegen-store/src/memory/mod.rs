//! Ports that are implemented in the memory of one process.

mod events;
mod rate_limits;

pub(crate) use events::MemoryEvents;
pub(crate) use rate_limits::{MemoryRateLimits, count};
