//! The loop that the engine thread runs.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use facegen_core::request::ImageSize;
use facegen_core::{Backend, BackendError, GenerationOutput, RgbImage, Slot, SlotEvent};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;

use crate::error::LoadError;
use crate::generation::Job;
use crate::loader::{Loader, load_guarded};
use crate::search::Search;
use crate::status::Status;
use crate::stopped_backend::StoppedBackend;

/// How often loading is retried before the engine counts as gone.
const RELOAD_ATTEMPTS: usize = 2;

/// What is submitted to an engine thread.
#[derive(Debug)]
pub(crate) enum Submission {
    /// A request for images.
    Job(Box<Job>),
    /// A photo whose faces are to be found.
    Search(Search),
}

/// The state of an engine thread.
pub(crate) struct EngineLoop {
    loader: Loader,
    backend: Box<dyn Backend>,
    submitted: UnboundedReceiver<Submission>,
    waiting: VecDeque<Job>,
    searches: VecDeque<Search>,
    admitted: BTreeMap<Slot, Job>,
    /// The size of the job that was admitted last.
    size: ImageSize,
    status: Arc<Status>,
}

impl EngineLoop {
    /// Loads the backend.
    pub(crate) fn load(
        mut loader: Loader,
        submitted: UnboundedReceiver<Submission>,
        status: Arc<Status>,
    ) -> Result<Self, LoadError> {
        let backend = load_guarded(&mut loader)?;
        let size = ImageSize::default();
        status.set_capacity(backend.capacity(size));
        status.set_ready(true);
        Ok(Self {
            loader,
            backend,
            submitted,
            waiting: VecDeque::new(),
            searches: VecDeque::new(),
            admitted: BTreeMap::new(),
            size,
            status,
        })
    }

    /// Works until the handle is dropped.
    pub(crate) fn run(mut self) {
        while self.receive() {
            self.drop_abandoned();
            self.search();
            match self.next_admissible() {
                Some(job) => {
                    let span = job.span.clone();
                    span.in_scope(|| self.admit(job));
                }
                None => self.tick(),
            }
            self.status.set_capacity(self.backend.capacity(self.size));
        }
        self.status.set_ready(false);
        self.requeue_admitted();
        for job in self.waiting {
            job.end(Err(BackendError::EngineStopped));
        }
    }

    /// Receives all that was submitted, sleeping while there is no work. Returns
    /// false when the handle is gone.
    fn receive(&mut self) -> bool {
        if self.waiting.is_empty() && self.admitted.is_empty() && self.searches.is_empty() {
            match self.submitted.blocking_recv() {
                Some(submission) => self.take(submission),
                None => return false,
            }
        }
        loop {
            match self.submitted.try_recv() {
                Ok(submission) => self.take(submission),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, submission: Submission) {
        match submission {
            Submission::Job(job) => self.waiting.push_back(*job),
            Submission::Search(search) => self.searches.push_back(search),
        }
    }

    /// Runs the next search for faces, if one waits: one between two steps, so
    /// that they delay no job for long.
    fn search(&mut self) {
        self.searches.retain(|search| !search.is_abandoned());
        let Some(search) = self.searches.pop_front() else {
            return;
        };
        let found = self.guarded(|backend| backend.find_faces(&search.photo));
        let breaks = matches!(found, Err(Panicked) | Ok(Err(BackendError::DeviceLost(_))));
        search.end(found.unwrap_or(Err(BackendError::Panicked)));
        if breaks {
            self.rebuild();
        }
    }

    /// Ends the jobs that were cancelled or whose receiver is gone.
    fn drop_abandoned(&mut self) {
        for _ in 0..self.waiting.len() {
            match self.waiting.pop_front() {
                Some(job) if job.is_abandoned() => job.end(Err(BackendError::Cancelled)),
                Some(job) => self.waiting.push_back(job),
                None => break,
            }
        }
        let slots: Vec<Slot> = self
            .admitted
            .extract_if(.., |_, job| job.is_abandoned())
            .map(|(slot, job)| {
                job.end(Err(BackendError::Cancelled));
                slot
            })
            .collect();
        for slot in slots {
            if self.guarded(|backend| backend.cancel(slot)).is_err() {
                // The slots that are still to be cancelled go with their backend.
                return self.rebuild();
            }
        }
    }

    /// Takes the next job, if it may run with those that are admitted and the
    /// backend prefers admitting it to denoising those.
    fn next_admissible(&mut self) -> Option<Job> {
        let next = self.waiting.front()?;
        let capacity = self.backend.capacity(next.input.spec.size());
        let has_room = !next.alone
            && self.admitted.len() < capacity.requests
            && self.admitted.values().all(|job| !job.alone);
        if self.admitted.is_empty() || (has_room && self.backend.prefers_to_admit()) {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    fn admit(&mut self, job: Job) {
        self.size = job.input.spec.size();
        match self.guarded(|backend| backend.admit(&job.input)) {
            Ok(Ok(slot)) => {
                self.admitted.insert(slot, job);
            }
            Ok(Err(error @ BackendError::DeviceLost(_))) => self.lose_device(job, error),
            Ok(Err(error)) => job.end(Err(error)),
            Err(Panicked) => {
                job.end(Err(BackendError::Panicked));
                self.rebuild();
            }
        }
    }

    /// Rebuilds a backend whose device failed while a job was admitted. A
    /// device computes asynchronously, so the failure may come from a step of
    /// an admitted job: if there is any, each job then runs alone.
    fn lose_device(&mut self, mut job: Job, error: BackendError) {
        tracing::error!(%error, "device lost");
        if self.admitted.is_empty() {
            job.end(Err(error));
        } else {
            job.alone = true;
            self.waiting.push_front(job);
            self.doubt_admitted();
        }
        self.rebuild();
    }

    /// Runs one step of the backend, if it holds any job.
    fn tick(&mut self) {
        if self.admitted.is_empty() {
            return;
        }
        match self.guarded(|backend| (backend.tick(), backend.active())) {
            Ok((events, active)) => {
                let mut broken = None;
                for event in events {
                    broken = self.report(event).or(broken);
                }
                if let Some(error) = broken {
                    self.blame_admitted(error);
                    self.rebuild();
                } else if active == 0 {
                    self.fail_lost();
                }
            }
            Err(Panicked) => {
                self.blame_admitted(BackendError::Panicked);
                self.rebuild();
            }
        }
    }

    /// Passes an event on, unless the backend is broken: first the job at fault
    /// must be found.
    fn report(&mut self, event: SlotEvent) -> Option<BackendError> {
        match event {
            SlotEvent::Progress { slot, step, steps } => {
                let Ok(previews) = self.previews(slot, step) else {
                    return Some(BackendError::Panicked);
                };
                if let Some(job) = self.admitted.get_mut(&slot) {
                    job.progress(step, steps, previews);
                }
            }
            SlotEvent::Finished { slot, output } => self.end(slot, Ok(output)),
            SlotEvent::Failed {
                error: error @ BackendError::DeviceLost(_),
                ..
            } => {
                tracing::error!(%error, "device lost");
                return Some(error);
            }
            SlotEvent::Failed { slot, error } => self.end(slot, Err(error)),
        }
        None
    }

    /// Computes the previews of a job after this step, if somebody wants them.
    fn previews(&mut self, slot: Slot, step: usize) -> Result<Vec<RgbImage>, Panicked> {
        let job = self.admitted.get(&slot);
        if job.is_some_and(|job| job.wants_previews(step)) {
            self.guarded(|backend| backend.previews(slot))
        } else {
            Ok(Vec::new())
        }
    }

    fn end(&mut self, slot: Slot, result: Result<GenerationOutput, BackendError>) {
        if let Some(job) = self.admitted.remove(&slot) {
            job.end(result);
        }
    }

    /// Fails the jobs that the backend no longer holds, on which it would never
    /// report.
    fn fail_lost(&mut self) {
        for (_, job) in mem::take(&mut self.admitted) {
            let lost = String::from("the backend lost the request");
            job.end(Err(BackendError::Failed(lost)));
        }
    }

    /// Fails the job whose step broke the backend if it was the only one; of
    /// several, each then runs alone.
    fn blame_admitted(&mut self, error: BackendError) {
        if self.admitted.len() > 1 {
            self.doubt_admitted();
        } else if let Some((_, job)) = self.admitted.pop_first() {
            job.end(Err(error));
        }
    }

    fn doubt_admitted(&mut self) {
        for job in self.admitted.values_mut() {
            job.alone = true;
        }
    }

    /// Requeues the admitted jobs, before those that came later.
    fn requeue_admitted(&mut self) {
        while let Some((_, job)) = self.admitted.pop_last() {
            self.waiting.push_front(job);
        }
    }

    /// Replaces a backend that panicked or lost its device, whose state cannot
    /// be trusted.
    fn rebuild(&mut self) {
        self.status.set_ready(false);
        self.requeue_admitted();
        // The old one must be dropped first: a device may not hold two.
        let broken = mem::replace(&mut self.backend, Box::new(StoppedBackend));
        if catch_unwind(AssertUnwindSafe(|| drop(broken))).is_err() {
            tracing::error!("engine panicked again while it was dropped");
        }
        for attempt in 1..=RELOAD_ATTEMPTS {
            match load_guarded(&mut self.loader) {
                Ok(backend) => {
                    tracing::info!("engine rebuilt");
                    self.backend = backend;
                    self.status.set_ready(true);
                    return;
                }
                Err(error) => tracing::error!(attempt, error, "failed to rebuild engine"),
            }
        }
        self.status.set_gone();
        for search in mem::take(&mut self.searches) {
            search.end(Err(BackendError::EngineStopped));
        }
        // Which job was at fault can no longer be found.
        for job in mem::take(&mut self.waiting) {
            let error = match job.alone {
                true => BackendError::EngineBroke,
                false => BackendError::EngineStopped,
            };
            job.end(Err(error));
        }
    }

    /// Calls the backend under the watchdog, and catches its panic.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut dyn Backend) -> T) -> Result<T, Panicked> {
        let backend = self.backend.as_mut();
        self.status.watchdog.begin();
        let result = catch_unwind(AssertUnwindSafe(|| call(backend)));
        self.status.watchdog.end();
        result.map_err(|_| {
            // Without its message, which may quote a prompt.
            tracing::error!("engine panicked");
            Panicked
        })
    }
}

/// The backend panicked and must be replaced.
struct Panicked;
