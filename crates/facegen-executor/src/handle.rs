//! The handle of an engine thread.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::{
    Backend, BackendError, EngineHangs, EngineHealth, EngineName, EngineState, Engines, FaceSearch,
    GenerationInput, PreviewDemand, RgbImage, Submitted,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::engine_loop::{EngineLoop, Submission};
use crate::error::{EngineStartError, LoadError};
use crate::generation::{GenerationHandle, Job};
use crate::search::Search;
use crate::status::Status;

/// The usual stack size of a main thread; spawned threads get a quarter of it,
/// and the networks of a backend nest deeply.
const STACK_BYTES: usize = 8 << 20;

/// How often an engine that is to end is checked for hanging.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The handle of an engine thread.
///
/// Dropping it stops the thread after the current step, fails unfinished
/// requests with [`BackendError::EngineStopped`], and waits for the thread,
/// unless that was abandoned because it hangs.
pub struct EngineHandle {
    name: EngineName,
    jobs: Mutex<Option<mpsc::UnboundedSender<Submission>>>,
    status: Arc<Status>,
    thread: Option<JoinHandle<()>>,
}

impl EngineHandle {
    /// Starts a thread called `name`, on which `loader` loads the backend, and
    /// blocks until it has. The loader is kept to load another backend should
    /// this one break.
    ///
    /// # Errors
    /// Fails when the thread cannot be started, or the loader fails or panics.
    pub fn spawn<L>(name: &str, loader: L) -> Result<Self, EngineStartError>
    where
        L: FnMut() -> Result<Box<dyn Backend>, LoadError> + Send + 'static,
    {
        #[expect(
            clippy::disallowed_methods,
            reason = "the places bound it, and how many there are may change"
        )]
        let (jobs, submitted) = mpsc::unbounded_channel();
        let (loaded, load) = std::sync::mpsc::sync_channel(1);
        let status = Arc::new(Status::default());
        let engine_status = Arc::clone(&status);
        let thread = Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // However the thread ends, also by a panic.
                let _ended = EndGuard(Arc::clone(&engine_status));
                let (engine, result) =
                    match EngineLoop::load(Box::new(loader), submitted, engine_status) {
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
            name: EngineName::new(name),
            jobs: Mutex::new(Some(jobs)),
            status,
            thread: Some(thread),
        })
    }

    /// Returns the name of the engine.
    #[must_use]
    pub fn name(&self) -> &EngineName {
        &self.name
    }

    /// Submits a request to the engine, together with the current span. Never
    /// waits; every failure is reported by the [`GenerationHandle`].
    pub fn submit(&self, input: GenerationInput) -> GenerationHandle {
        self.submit_with(input, PreviewDemand::default())
    }

    /// The same with previews while there is a demand for them.
    pub fn submit_with(&self, input: GenerationInput, previews: PreviewDemand) -> GenerationHandle {
        let Some(permit) = self.status.acquire() else {
            return GenerationHandle::failed(BackendError::QueueFull);
        };
        let (job, generation) = Job::new(input, previews, permit, self.status.hung());
        if self.state() == EngineState::Hung {
            return GenerationHandle::failed(BackendError::EngineStopped);
        }
        // The permits bound the channel. If it is closed the job is dropped
        // here, and its generation reports that the engine stopped.
        if let Some(jobs) = self.lock_jobs().as_ref() {
            let _ = jobs.send(Submission::Job(Box::new(job)));
        }
        generation
    }

    /// Starts to search a photo for faces between two steps. Never waits; every
    /// failure is reported by the search.
    pub fn find_faces(&self, photo: RgbImage) -> FaceSearch {
        let Some(permit) = self.status.acquire_search() else {
            return Search::failed(BackendError::QueueFull);
        };
        let (search, faces) = Search::new(photo, permit, self.status.hung());
        if self.state() == EngineState::Hung {
            return Search::failed(BackendError::EngineStopped);
        }
        // The permits bound the channel. If it is closed the search is dropped
        // here, and reports that the engine stopped.
        if let Some(jobs) = self.lock_jobs().as_ref() {
            let _ = jobs.send(Submission::Search(search));
        }
        faces
    }

    /// Returns the health of the engine.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        EngineHealth {
            name: self.name.clone(),
            state: self.state(),
            capacity: self.status.capacity(),
        }
    }

    /// Returns how many more requests the engine takes.
    pub(crate) fn free_capacity(&self) -> usize {
        self.status.free_capacity()
    }

    /// Returns the state of the engine.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.status.state()
    }

    /// Returns whether a backend is loaded: false while it is rebuilt after a
    /// panic or the loss of its device, and for good when it could not be.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state() == EngineState::Ready
    }

    /// Returns whether no backend will be loaded any more: the one that broke
    /// could not be rebuilt, the thread has ended, or it was abandoned.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state().is_final()
    }

    /// Returns how long the backend has been in its current call, such as a
    /// denoising step. Loading another backend after a panic does not count.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        self.status.watchdog.busy_for()
    }

    /// Abandons the engine if it has been in one call for longer than
    /// `patience`. Returns true when that happens, once.
    pub fn give_up_after(&self, patience: Duration) -> bool {
        self.status.give_up_after(patience)
    }

    /// Ends the engine, as [`Engines::end`] does.
    ///
    /// # Errors
    /// Fails when it hangs.
    pub async fn end(&self, patience: Duration) -> Result<(), EngineHangs> {
        self.close();
        let mut ended = self.status.ended();
        loop {
            self.give_up_after(patience);
            if self.state() == EngineState::Hung {
                return Err(EngineHangs);
            }
            // One whose backend is being loaded again may take longer.
            let end = ended.wait_for(|ended| *ended);
            if timeout(POLL_INTERVAL, end).await.is_ok() {
                return Ok(());
            }
        }
    }

    /// Takes no more requests; the thread ends after the current step.
    pub(crate) fn close(&self) {
        *self.lock_jobs() = None;
    }

    fn lock_jobs(&self) -> std::sync::MutexGuard<'_, Option<mpsc::UnboundedSender<Submission>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Engines for EngineHandle {
    fn submit(&self, input: GenerationInput, previews: PreviewDemand) -> Option<Submitted> {
        let takes_requests = !self.is_gone();
        takes_requests.then(|| Submitted {
            engine: self.name.clone(),
            generation: Box::new(self.submit_with(input, previews)),
        })
    }

    fn find_faces(&self, photo: RgbImage) -> Option<FaceSearch> {
        (!self.is_gone()).then(|| Self::find_faces(self, photo))
    }

    fn health(&self) -> Vec<EngineHealth> {
        vec![Self::health(self)]
    }

    fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName> {
        let gives_up = self.give_up_after(patience);
        gives_up.then(|| self.name.clone()).into_iter().collect()
    }

    async fn end(&self, patience: Duration) -> Result<(), EngineHangs> {
        Self::end(self, patience).await
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.close();
        if self.state() == EngineState::Hung {
            // Its thread never ends, and must not block the thread that drops this.
            return;
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("engine thread panicked");
        }
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EngineHandle")
            .field("name", &self.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Records the end of the thread when it is dropped.
struct EndGuard(Arc<Status>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.set_ended();
    }
}
