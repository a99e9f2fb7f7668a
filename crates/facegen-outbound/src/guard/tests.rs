//! The guard against everything that a stranger's URL can be.

mod limits;
mod sloppy;
mod ssrf;
mod webhooks;
