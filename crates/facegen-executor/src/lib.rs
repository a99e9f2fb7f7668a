//! The thread that owns a backend.
//!
//! A [`Backend`] is synchronous and lives on one OS thread, named for its
//! device. The rest of the program holds an [`EngineHandle`]: it submits a
//! [`GenerationInput`] and gets a [`Generation`], which yields progress and
//! then exactly one end. The thread takes in what was submitted, admits it to
//! the backend, ticks while anything is active, and sleeps otherwise.
//!
//! A panic in the backend costs one request its pictures and nobody else
//! theirs: the backend is thrown away and loaded again, and the requests it
//! held start over. If several were in the tick that panicked, nobody can tell
//! whose step it was, so each of them is run alone until all are through; the
//! one that panics again is the one that fails. A device that is lost
//! ([`BackendError::DeviceLost`]) is dealt with like a panic.
//!
//! | chapter | holds |
//! |---|---|
//! | [`generation`] | [`Generation`], its events, and the engine's end of it |
//! | `engine_loop` | what the thread does |
//! | `pulse` | since when it has been at one thing |

mod engine_loop;
mod error;
pub mod generation;
mod pulse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use facegen_core::{Backend, BackendError, GenerationInput};
use tokio::sync::{Semaphore, mpsc};

use engine_loop::EngineLoop;
pub use error::{EngineStartError, LoadError};
use generation::Job;
pub use generation::{CancelHandle, Generation, GenerationEvent};
pub use pulse::Pulse;

/// How many generations may be unfinished at once. Who waits for what, and for
/// how long, is decided before the engine; this only bounds the memory.
const UNFINISHED_LIMIT: usize = 64;

/// The main thread's usual size; spawned threads get a quarter of it, and the
/// networks of a backend nest deeply.
const STACK_BYTES: usize = 8 << 20;

/// The rest of the program's end of an engine thread.
///
/// Dropping it stops the thread after the step that it is in, fails what was
/// unfinished with [`BackendError::EngineStopped`], and waits for the thread.
pub struct EngineHandle {
    jobs: Option<mpsc::Sender<Job>>,
    places: Arc<Semaphore>,
    ready: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
    pulse: Pulse,
    thread: Option<JoinHandle<()>>,
}

impl EngineHandle {
    /// Starts a thread called `name`, on which `loader` loads the backend, and
    /// blocks until it has. The loader is kept to load another backend should
    /// this one break.
    ///
    /// # Errors
    /// The thread cannot be started, or the loader fails or panics.
    pub fn spawn<L>(name: &str, loader: L) -> Result<Self, EngineStartError>
    where
        L: FnMut() -> Result<Box<dyn Backend>, LoadError> + Send + 'static,
    {
        let (jobs, submitted) = mpsc::channel(UNFINISHED_LIMIT);
        let (loaded, load) = std::sync::mpsc::sync_channel(1);
        let ready = Arc::new(AtomicBool::new(false));
        let gone = Arc::new(AtomicBool::new(false));
        let pulse = Pulse::default();
        let (engine_ready, engine_gone) = (Arc::clone(&ready), Arc::clone(&gone));
        let engine_pulse = pulse.clone();
        let thread = Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let (engine, result) = match EngineLoop::load(
                    Box::new(loader),
                    submitted,
                    engine_ready,
                    engine_gone,
                    engine_pulse,
                ) {
                    Ok(engine) => (Some(engine), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // `spawn` waits for this.
                let _ = loaded.send(result);
                if let Some(engine) = engine {
                    engine.run();
                }
            })
            .map_err(EngineStartError::Thread)?;
        load.recv()
            .unwrap_or_else(|_| Err("the thread ended while loading".into()))
            .map_err(EngineStartError::Load)?;
        Ok(Self {
            jobs: Some(jobs),
            places: Arc::new(Semaphore::new(UNFINISHED_LIMIT)),
            ready,
            gone,
            pulse,
            thread: Some(thread),
        })
    }

    /// What tells how long the engine has been at one call, also when the handle
    /// is being dropped.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// ClaimScope a request to the engine, together with the current span. Never
    /// waits; whatever goes wrong is told by the [`Generation`].
    pub fn submit(&self, input: GenerationInput) -> Generation {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Generation::failed(BackendError::QueueFull);
        };
        let (job, generation) = Job::new(input, place);
        // The channel has room for every place. If it is closed the job is
        // dropped here, and its generation reports that the engine stopped.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.try_send(job);
        }
        generation
    }

    /// Whether a backend is loaded: false while it is rebuilt after a panic or
    /// the loss of its device, and for good when it could not be.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// How long the backend has been at one call, such as a denoising step,
    /// without a sign of life. Loading another backend after a panic is none.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.pulse.silence()
    }

    /// Believes no more in this engine, which hangs: it is not ready and will
    /// not be any more.
    pub fn give_up(&self) {
        self.ready.store(false, Ordering::Release);
        self.gone.store(true, Ordering::Release);
    }

    /// Whether no backend will be loaded any more: the one that broke could
    /// not be rebuilt, or the thread is at its end.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        ended || self.gone.load(Ordering::Acquire)
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine thread panicked");
        }
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EngineHandle")
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
