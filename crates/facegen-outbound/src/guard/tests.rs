//! The guard against everything that a stranger's URL can be.

mod limits;
mod ssrf;
mod webhooks;
