//! Ports that one process serves from its memory.

mod events;
mod rate_limits;

pub(crate) use events::MemoryEvents;
pub(crate) use rate_limits::MemoryRateLimits;
