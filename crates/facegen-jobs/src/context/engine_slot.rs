//! The engines, which can be replaced while jobs run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use facegen_core::{
    EngineHealth, EngineName, EngineState, Engines, FaceSearch, GenerationInput, PreviewDemand,
    RgbImage, Submitted,
};

/// Holds the engines once there are any.
#[derive(Default)]
pub(crate) struct EngineSlot(Mutex<Option<Arc<dyn Engines>>>);

impl EngineSlot {
    /// Replaces the engines, or removes them, and returns the former ones.
    /// Dropping those may take as long as a denoising step.
    pub(crate) fn replace(&self, engines: Option<Arc<dyn Engines>>) -> Option<Arc<dyn Engines>> {
        std::mem::replace(&mut *self.lock(), engines)
    }

    /// Submits a request; `None` when no engine takes it.
    pub(crate) fn submit(
        &self,
        input: GenerationInput,
        previews: PreviewDemand,
    ) -> Option<Submitted> {
        // Under the lock, so that no clone of the handle is ever the last one
        // and dropped inside a task.
        self.lock()
            .as_ref()
            .and_then(|engines| engines.submit(input, previews))
    }

    /// Starts to search a photo for faces; `None` when no engine takes it.
    pub(crate) fn find_faces(&self, photo: RgbImage) -> Option<FaceSearch> {
        let engines = self.lock();
        engines.as_ref().and_then(|one| one.find_faces(photo))
    }

    /// Returns how many jobs the engines can have, including the one that waits
    /// for each of them; 0 when none is ready.
    pub(crate) fn room(&self) -> usize {
        self.health().iter().map(EngineHealth::room).sum()
    }

    /// Returns whether there are engines of which none will ever be ready again.
    pub(crate) fn are_gone(&self) -> bool {
        let health = self.health();
        !health.is_empty() && health.iter().all(|engine| engine.state.is_final())
    }

    /// Returns whether one of them takes requests, or will.
    pub(crate) fn can_recover(&self) -> bool {
        self.health().iter().any(|engine| !engine.state.is_final())
    }

    /// Returns how many of them take requests.
    pub(crate) fn ready(&self) -> usize {
        let ready = |engine: &&EngineHealth| engine.state == EngineState::Ready;
        self.health().iter().filter(ready).count()
    }

    /// Returns whether one of them hung and was abandoned.
    pub(crate) fn any_hung(&self) -> bool {
        let hung = |engine: &EngineHealth| engine.state == EngineState::Hung;
        self.health().iter().any(hung)
    }

    /// Abandons the engines that have been in one call for longer than `patience`.
    pub(crate) fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName> {
        let engines = self.lock();
        let given_up = engines.as_ref().map(|one| one.give_up_hanging(patience));
        given_up.unwrap_or_default()
    }

    /// Returns the health of each engine.
    pub(crate) fn health(&self) -> Vec<EngineHealth> {
        let engines = self.lock();
        let health = engines.as_ref().map(|engines| engines.health());
        health.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<dyn Engines>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
