//! The port to the engines, one for each device.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    BackendError, Capacity, FoundFace, GenerationInput, GenerationOutput, PreviewDemand, RgbImage,
};

/// The engines of this process.
#[async_trait]
pub trait Engines: fmt::Debug + Send + Sync {
    /// Submits a request, in the current span, to the engine that has the most
    /// room; `None` when there is none. Never waits; errors are reported by the
    /// [`Generation`]. Previews are computed only while there is a demand for
    /// them.
    fn submit(&self, input: GenerationInput, previews: PreviewDemand) -> Option<Submitted>;

    /// Starts to search a photo for faces, as
    /// [`Backend::find_faces`](crate::Backend::find_faces) does, between two
    /// steps of the engine that has the most room; `None` when there is none.
    /// Never waits; errors are reported by the search, such as
    /// [`BackendError::QueueFull`] when others wait already.
    fn find_faces(&self, photo: RgbImage) -> Option<FaceSearch>;

    /// Returns the health of each engine.
    fn health(&self) -> Vec<EngineHealth>;

    /// Abandons each engine that has been in one call of its backend, such as a
    /// denoising step, for longer than `patience`, and returns their names. The
    /// requests of such an engine end with [`BackendError::EngineBroke`].
    fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName>;

    /// Stops the engines and waits until they have stopped: they take no more
    /// requests, and unfinished ones end with [`BackendError::EngineStopped`]
    /// after the current step.
    ///
    /// # Errors
    /// Fails when an engine hangs: it has been in one call for longer than
    /// `patience`, and is abandoned.
    async fn end(&self, patience: Duration) -> Result<(), EngineHangs>;
}

/// Identifies one engine of a process by its device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineName(Arc<str>);

impl EngineName {
    /// Creates the name of an engine.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name.
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

/// A search for the faces of a photo. Dropping it cancels the search, unless it
/// has begun.
pub type FaceSearch = Pin<Box<dyn Future<Output = Result<Vec<FoundFace>, BackendError>> + Send>>;

/// A submitted request.
#[derive(Debug)]
pub struct Submitted {
    /// Which engine.
    pub engine: EngineName,
    /// The events of the request.
    pub generation: Box<dyn Generation>,
}

/// The caller's end of a submitted request. Dropping it cancels the request.
#[async_trait]
pub trait Generation: fmt::Debug + Send {
    /// Returns the next event, `None` after the one that ends the generation.
    async fn next(&mut self) -> Option<GenerationEvent>;
}

/// An event of a submitted request.
#[derive(Debug)]
pub enum GenerationEvent {
    /// A denoising step is done. The numbers rise by one from event to event,
    /// even if the engine had to restart the request in between.
    Progress {
        /// How many steps are done, from 1 to `steps`.
        step: usize,
        /// How many steps all samples of the request take together.
        steps: usize,
        /// What [`Backend::previews`](crate::Backend::previews) returns: at most
        /// two a second, and only while there is a demand.
        previews: Vec<RgbImage>,
    },
    /// The images are ready. Nothing follows.
    Finished(GenerationOutput),
    /// There will be no images. Nothing follows.
    Failed(BackendError),
}

/// The health of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Which engine.
    pub name: EngineName,
    /// Its state.
    pub state: EngineState,
    /// Its capacity for images of the size that it computed last.
    pub capacity: Capacity,
}

impl EngineHealth {
    /// Returns how many requests to submit to the engine: as many as it can
    /// hold, and [`EngineHealth::AHEAD`] more.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.state {
            EngineState::Ready => self.capacity.requests + Self::AHEAD,
            EngineState::Loading | EngineState::Gone | EngineState::Hung => 0,
        }
    }

    /// How many requests wait at an engine, so that it can start one as soon as
    /// another has ended.
    pub const AHEAD: usize = 1;
}

/// The state of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// It takes requests.
    Ready,
    /// Its backend is being loaded, for the first time or after a failure.
    Loading,
    /// It takes no more requests: its backend failed and could not be loaded
    /// again, or it has stopped.
    Gone,
    /// It hung and was abandoned. Its thread ends only with the process.
    Hung,
}

impl EngineState {
    /// Returns whether an engine in this state will never be ready again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Gone | Self::Hung)
    }
}

/// An engine does not stop because it hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineHangs;
