//! Webhooks from the job service through the guard to receivers of every kind,
//! over real sockets, with a fake backend and a clock that the tests move.
//!
//! | chapter | about |
//! |---|---|
//! | [`schedule`] | when what goes wrong is tried again |
//! | [`places`] | whom a slow receiver holds up |
//! | [`server`] | the service that sends |
//! | [`receiver`] | who receives |

#[cfg(test)]
mod places;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod server;
