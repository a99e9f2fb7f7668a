//! The thread that owns a backend.
//!
//! A [`Backend`](facegen_core::Backend) is synchronous and lives on one OS thread, named for its
//! device. The rest of the program holds an [`EngineHandle`]: it submits a
//! [`GenerationInput`](facegen_core::GenerationInput) and gets a [`GenerationHandle`], which yields progress and
//! then exactly one end. The thread takes in what was submitted, admits it to
//! the backend, ticks while anything is active, and sleeps otherwise.
//!
//! A panic in the backend costs one request its images and nobody else
//! theirs: the backend is thrown away and loaded again, and the requests it
//! held start over. If several were in the tick that panicked, nobody can tell
//! whose step it was, so each of them is run alone until all are through; the
//! one that panics again is the one that fails. A device that is lost
//! ([`BackendError::DeviceLost`](facegen_core::BackendError::DeviceLost)) is dealt with like a panic.
//!
//! | chapter | holds |
//! |---|---|
//! | [`pool`] | [`EnginePool`], the engines of a process |
//! | [`handle`] | [`EngineHandle`], the rest of the program's end of the thread |
//! | [`generation`] | [`GenerationHandle`], and the engine's end of it |
//! | `engine_loop` | what the thread does |
//! | `status` | what both ends know of each other |
//! | `watchdog` | since when the backend has been at one call |

mod engine_loop;
mod error;
pub mod generation;
pub mod handle;
pub mod pool;
mod status;
#[cfg(test)]
mod tests;
mod watchdog;

pub use error::{EngineStartError, LoadError};
pub use generation::{CancelHandle, GenerationHandle};
pub use handle::EngineHandle;
pub use pool::EnginePool;
