//! One request in the engine: the caller's end, which receives events, and the
//! engine's end, which sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use facegen_core::{
    BackendError, Generation, GenerationEvent, GenerationInput, GenerationOutput, PreviewDemand,
    RgbImage,
};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tracing::Span;

use crate::status::RequestPermit;

/// The shortest time between two previews of a request.
const PREVIEW_INTERVAL: Duration = Duration::from_millis(500);

/// The caller's end of a submitted request. Dropping it cancels the request.
#[derive(Debug)]
pub struct GenerationHandle {
    events: Receiver<GenerationEvent>,
    /// Whether the engine hangs and was abandoned.
    hung: watch::Receiver<bool>,
    cancelled: Arc<AtomicBool>,
    ended: bool,
}

impl GenerationHandle {
    /// Waits for the next event; `None` after the one that ends the generation.
    pub async fn next(&mut self) -> Option<GenerationEvent> {
        let event = tokio::select! {
            biased;
            event = self.events.recv() => event,
            () = given_up(&mut self.hung) => {
                Some(GenerationEvent::Failed(BackendError::EngineBroke))
            }
        };
        self.record(event)
    }

    /// Does the same as [`GenerationHandle::next`], for threads that may block.
    /// Panics when called from async code, as tokio's blocking calls do.
    pub fn blocking_next(&mut self) -> Option<GenerationEvent> {
        let event = self.events.blocking_recv();
        self.record(event)
    }

    /// Returns a handle that can cancel this generation from any thread.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(Arc::clone(&self.cancelled))
    }

    /// Creates a generation that ends with `error` at once.
    pub(crate) fn failed(error: BackendError) -> Self {
        let (sender, events) = mpsc::channel(1);
        // The channel is empty and has room for one.
        let _ = sender.try_send(GenerationEvent::Failed(error));
        Self {
            events,
            hung: watch::channel(false).1,
            cancelled: Arc::default(),
            ended: false,
        }
    }

    /// Adds the end that an engine could not send because it is gone, so that
    /// there is always exactly one.
    fn record(&mut self, event: Option<GenerationEvent>) -> Option<GenerationEvent> {
        if self.ended {
            return None;
        }
        let event = event.unwrap_or(GenerationEvent::Failed(BackendError::EngineStopped));
        self.ended = !matches!(event, GenerationEvent::Progress { .. });
        Some(event)
    }
}

#[async_trait]
impl Generation for GenerationHandle {
    async fn next(&mut self) -> Option<GenerationEvent> {
        Self::next(self).await
    }
}

/// Returns when the engine is abandoned, never if it ends before.
pub(crate) async fn given_up(hung: &mut watch::Receiver<bool>) {
    if hung.wait_for(|hung| *hung).await.is_err() {
        std::future::pending().await
    }
}

/// Cancels a generation. Clones cancel the same one.
#[derive(Debug, Clone)]
pub struct CancelHandle(Arc<AtomicBool>);

impl CancelHandle {
    /// Asks the engine to stop. Unless it has ended by then, the generation
    /// ends with [`BackendError::Cancelled`] after the current step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The engine's end of a submitted request.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: GenerationInput,
    /// The span in which the request was submitted.
    pub(crate) span: Span,
    /// Whether this job must run alone, because it was in a tick that broke the
    /// backend.
    pub(crate) alone: bool,
    events: Sender<GenerationEvent>,
    cancelled: Arc<AtomicBool>,
    reported_step: usize,
    previews: PreviewDemand,
    /// When the last preview was reported.
    previewed: Option<Instant>,
    /// The permit of an unfinished job, released when it is dropped.
    permit: RequestPermit,
}

impl Job {
    /// Creates both ends of a request.
    pub(crate) fn new(
        input: GenerationInput,
        previews: PreviewDemand,
        permit: RequestPermit,
        hung: watch::Receiver<bool>,
    ) -> (Self, GenerationHandle) {
        // One event for each step of each sample and one for the end: enough,
        // because no step is reported twice.
        let events = input.spec.steps() * input.spec.samples() + 1;
        let (sender, events) = mpsc::channel(events);
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Self {
            input,
            span: Span::current(),
            alone: false,
            events: sender,
            cancelled: Arc::clone(&cancelled),
            reported_step: 0,
            previews,
            previewed: None,
            permit,
        };
        let generation = GenerationHandle {
            events,
            hung,
            cancelled,
            ended: false,
        };
        (job, generation)
    }

    /// Returns whether the request was cancelled or its receiver is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.cancelled.load(Ordering::Acquire) || self.events.is_closed()
    }

    /// Returns whether this step is to be reported with previews.
    pub(crate) fn wants_previews(&self, step: usize) -> bool {
        let is_due = self
            .previewed
            .is_none_or(|moment| moment.elapsed() >= PREVIEW_INTERVAL);
        step > self.reported_step && is_due && self.previews.is_wanted()
    }

    /// Reports a step, unless it was reported before a restart. The last slot
    /// of the channel is kept for the end.
    pub(crate) fn progress(&mut self, step: usize, steps: usize, previews: Vec<RgbImage>) {
        if step > self.reported_step && self.events.capacity() > 1 {
            self.reported_step = step;
            if !previews.is_empty() {
                self.previewed = Some(Instant::now());
            }
            let progress = GenerationEvent::Progress {
                step,
                steps,
                previews,
            };
            let _ = self.events.try_send(progress);
        }
    }

    /// Reports the end.
    pub(crate) fn end(self, result: Result<GenerationOutput, BackendError>) {
        let event = match result {
            Ok(output) => GenerationEvent::Finished(output),
            Err(error) => GenerationEvent::Failed(error),
        };
        let Self { events, permit, .. } = self;
        // First, so that a caller that sees the end can submit again at once.
        drop(permit);
        let _ = events.try_send(event);
    }
}
