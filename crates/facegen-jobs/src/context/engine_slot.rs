//! The engines, which can be replaced while jobs run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::{EngineName, EngineState, Engines, GenerationInput, Submitted};

/// Holds the engines once there are any.
#[derive(Default)]
pub(crate) struct EngineSlot(Mutex<Option<Arc<dyn Engines>>>);

impl EngineSlot {
    /// Puts engines in, or takes them out, and returns the former ones.
    /// Dropping those may take as long as a denoising step.
    pub(crate) fn replace(&self, engines: Option<Arc<dyn Engines>>) -> Option<Arc<dyn Engines>> {
        std::mem::replace(&mut *self.lock(), engines)
    }

    /// Submits a request, `None` when no engine takes it.
    pub(crate) fn submit(&self, input: GenerationInput) -> Option<Submitted> {
        // Under the lock, so that no clone of the handle is ever the last one
        // and dropped among tasks.
        self.lock()
            .as_ref()
            .and_then(|engines| engines.submit(input))
    }

    /// Whether an engine takes requests.
    pub(crate) fn is_ready(&self) -> bool {
        let is_ready = |state: &EngineState| *state == EngineState::Ready;
        self.states().iter().any(is_ready)
    }

    /// Whether there are engines of which none will ever be ready again.
    pub(crate) fn are_gone(&self) -> bool {
        let states = self.states();
        !states.is_empty() && states.iter().all(|state| state.is_final())
    }

    /// Whether one of them hung and was given up.
    pub(crate) fn any_hung(&self) -> bool {
        self.states().contains(&EngineState::Hung)
    }

    /// Gives up the engines that have been at one call for so long.
    pub(crate) fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName> {
        let engines = self.lock();
        let given_up = engines.as_ref().map(|one| one.give_up_hanging(patience));
        given_up.unwrap_or_default()
    }

    fn states(&self) -> Vec<EngineState> {
        let engines = self.lock();
        let health = engines.as_ref().map(|engines| engines.health());
        let health = health.into_iter().flatten();
        health.map(|engine| engine.state).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<dyn Engines>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
