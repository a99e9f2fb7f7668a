//! Webhooks from the job service through the guard to receivers of every kind,
//! over real sockets, with a fake backend and a clock that the tests move.
//!
//! | module | about |
//! |---|---|
//! | [`schedule`] | when failed deliveries are retried |
//! | [`places`] | slow receivers delay no others |
//! | [`server`] | the service that sends |
//! | [`receiver`] | the receivers |

#[cfg(test)]
mod places;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod server;
