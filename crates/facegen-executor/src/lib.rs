//! The thread that owns a backend.
//!
//! A [`Backend`](facegen_core::Backend) is synchronous and lives on one OS thread, named for its
//! device. The rest of the program holds an [`EngineHandle`]: it submits a
//! [`GenerationInput`](facegen_core::GenerationInput) and gets a [`GenerationHandle`], which yields
//! progress and then exactly one end. The thread receives what was submitted, admits it to the
//! backend, ticks while any request is active, and sleeps otherwise.
//!
//! A panic in the backend fails one request and no other: the backend is
//! dropped and loaded again, and the requests it held start over. If several
//! were in the tick that panicked, it is unknown whose step it was, so each of
//! them runs alone until all have ended; the one that panics again is the one
//! that fails. A lost device
//! ([`BackendError::DeviceLost`](facegen_core::BackendError::DeviceLost)) is handled like a panic.
//!
//! | module | holds |
//! |---|---|
//! | [`pool`] | [`EnginePool`], the engines of a process |
//! | [`handle`] | [`EngineHandle`], the program's handle of the thread |
//! | [`generation`] | [`GenerationHandle`], and the engine's end of it |
//! | `engine_loop` | the loop that the thread runs |
//! | `loader` | the loading of a backend, whose panic is an error |
//! | `search` | a search for faces, between two steps |
//! | `status` | the state that thread and handle share |
//! | `stopped_backend` | the backend of an engine that has none |
//! | `watchdog` | how long the backend has been in one call |

mod engine_loop;
mod error;
pub mod generation;
pub mod handle;
mod loader;
pub mod pool;
mod search;
mod status;
mod stopped_backend;
#[cfg(test)]
mod tests;
mod watchdog;

pub use error::{EngineStartError, LoadError};
pub use generation::{CancelHandle, GenerationHandle};
pub use handle::EngineHandle;
pub use pool::EnginePool;
