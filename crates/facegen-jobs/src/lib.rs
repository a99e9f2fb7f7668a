//! The work between a parsed request and its finished pictures.
//!
//! | chapter | holds |
//! |---|---|
//! | [`engine_thread`] | the thread that owns a backend, and the handle to it |

pub mod engine_thread;

pub use engine_thread::{
    CancelHandle, EngineHandle, EngineStartError, Generation, GenerationEvent, LoadError,
};
