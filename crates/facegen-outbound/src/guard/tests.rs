//! The guard against every kind of hostile URL.

mod limits;
mod sloppy;
mod ssrf;
mod webhooks;
