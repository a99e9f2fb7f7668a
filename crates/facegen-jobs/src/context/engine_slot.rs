//! The engine, which can be replaced while jobs run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::GenerationInput;

use facegen_executor::{EngineHandle, Generation};

/// Holds the engine once there is one.
#[derive(Default)]
pub(crate) struct EngineSlot(Mutex<Option<Arc<EngineHandle>>>);

impl EngineSlot {
    /// Puts an engine in, or takes it out, and gives back the former one.
    /// Dropping that may take as long as a denoising step.
    pub(crate) fn replace(&self, engine: Option<Arc<EngineHandle>>) -> Option<Arc<EngineHandle>> {
        std::mem::replace(&mut *self.lock(), engine)
    }

    /// ClaimScope a request to the engine, `None` when there is none.
    pub(crate) fn submit(&self, input: GenerationInput) -> Option<Generation> {
        // Under the lock, so that no clone of the handle is ever the last one
        // and dropped among tasks.
        self.lock().as_ref().map(|engine| engine.submit(input))
    }

    /// Whether the engine takes requests.
    pub(crate) fn is_ready(&self) -> bool {
        self.lock().as_ref().is_some_and(|engine| engine.is_ready())
    }

    /// Whether there is an engine that will never be ready again.
    pub(crate) fn is_gone(&self) -> bool {
        self.lock().as_ref().is_some_and(|engine| engine.is_gone())
    }

    /// Gives the engine up if it has not given a sign of life for so long. True
    /// when that happens, once.
    pub(crate) fn give_up_after(&self, patience: Duration) -> bool {
        let engine = self.lock();
        let hangs = |engine: &&Arc<EngineHandle>| !engine.is_gone() && engine.silence() > patience;
        let hanging = engine.as_ref().filter(hangs);
        hanging.inspect(|engine| engine.give_up()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<EngineHandle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
