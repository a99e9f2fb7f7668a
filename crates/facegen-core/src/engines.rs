//! The port to the engines that make images, one for each device.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{BackendError, Capacity, GenerationInput, GenerationOutput};

/// The engines of this process.
#[async_trait]
pub trait Engines: fmt::Debug + Send + Sync {
    /// Submits a request, in the current span, to the engine that has the most
    /// room; `None` when there is none. Never waits; whatever goes wrong is
    /// reported by the [`Generation`].
    fn submit(&self, input: GenerationInput) -> Option<Submitted>;

    /// Returns how each engine is.
    fn health(&self) -> Vec<EngineHealth>;

    /// Gives up each engine that has been at one call of its backend, such as
    /// a denoising step, for longer than `patience`, and returns their names.
    /// What an engine had that is given up ends with
    /// [`BackendError::EngineBroke`].
    fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName>;

    /// Ends the engines, and returns once they have ended: they take no more
    /// requests, and what is unfinished ends with
    /// [`BackendError::EngineStopped`] after the step that they are in.
    ///
    /// # Errors
    /// One of them hangs: it has been at one call for longer than `patience`,
    /// and is given up.
    async fn end(&self, patience: Duration) -> Result<(), EngineHangs>;
}

/// Names one engine of a process, by its device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineName(Arc<str>);

impl EngineName {
    /// The engine of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A request that an engine has.
#[derive(Debug)]
pub struct Submitted {
    /// Which engine.
    pub engine: EngineName,
    /// What comes of it.
    pub generation: Box<dyn Generation>,
}

/// The caller's end of a submitted request. Dropping it cancels the request.
#[async_trait]
pub trait Generation: fmt::Debug + Send {
    /// Returns the next event, `None` after the one that ends the generation.
    async fn next(&mut self) -> Option<GenerationEvent>;
}

/// What a caller learns about its request.
#[derive(Debug)]
pub enum GenerationEvent {
    /// A denoising step is done. The numbers rise by one from event to event,
    /// even if the engine had to start over in between.
    Progress {
        /// How many steps are done, from 1 to `steps`.
        step: usize,
        /// How many steps all samples of the request take together.
        steps: usize,
    },
    /// The images are ready. Nothing follows.
    Finished(GenerationOutput),
    /// There will be no images. Nothing follows.
    Failed(BackendError),
}

/// How one engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Which engine.
    pub name: EngineName,
    /// Its state.
    pub state: EngineState,
    /// How much it can do at once, of the size that it was at last.
    pub capacity: Capacity,
}

impl EngineHealth {
    /// How many requests it is worth giving the engine: as many as it can hold,
    /// and [`EngineHealth::AHEAD`] more.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.state {
            EngineState::Ready => self.capacity.requests + Self::AHEAD,
            EngineState::Loading | EngineState::Gone | EngineState::Hung => 0,
        }
    }

    /// How many requests wait at an engine, so that it goes on at once when one
    /// of those that it holds has ended.
    pub const AHEAD: usize = 1;
}

/// The state of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// It takes requests.
    Ready,
    /// Its backend is loaded, for the first time or because it broke.
    Loading,
    /// It takes no more requests: its backend broke and could not be loaded
    /// again, or it has ended.
    Gone,
    /// It hung and was given up. Only the end of the process ends its thread.
    Hung,
}

impl EngineState {
    /// Whether an engine in this state will never be ready again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Gone | Self::Hung)
    }
}

/// An engine does not end, because it hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineHangs;
