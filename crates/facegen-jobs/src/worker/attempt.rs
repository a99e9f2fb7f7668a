//! One attempt at one job.

mod writes;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use facegen_core::job::{FaceOrigin, ImageRecord, Outcome, Stages, millis};
use facegen_core::store::{Claim, Event, ImageLocation, Success, cost};
use facegen_core::{
    BackendError, EngineName, GeneratedImage, Generation, GenerationEvent, GenerationInput,
    GenerationOutput, GenerationRequest, Photo, RgbImage, Submitted,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::ending;
use super::failures;
use super::images::{self, Files};
use super::outcome::AttemptOutcome;
use super::previews;
use super::stop::{AttemptError, of_backend};
use crate::broken_task;
use crate::context::WorkContext;
use crate::context::engine_start_times::EngineStart;
use crate::context::previews::PreviewSource;
use crate::context::running_jobs::RunningJob;
use crate::metrics::{self, Stage};
use crate::ports::Checkpoint;

/// One attempt at one job.
pub(super) struct Attempt {
    pub(super) context: Arc<WorkContext>,
    pub(super) claim: Claim,
    pub(super) running: RunningJob,
    hand_back: CancellationToken,
    /// The request, once the size of the photo is known.
    fitted: OnceLock<GenerationRequest>,
    /// Whether there may be files.
    storing: AtomicBool,
}

impl Attempt {
    /// Creates the attempt that this claim began.
    pub(super) fn new(
        context: &Arc<WorkContext>,
        claim: Claim,
        hand_back: CancellationToken,
    ) -> Self {
        let cost = cost(&claim.job.request);
        let fetches = matches!(claim.job.face, FaceOrigin::Url(_));
        Self {
            running: context
                .execution
                .running_jobs
                .enter(claim.fence, cost, fetches),
            context: Arc::clone(context),
            claim,
            hand_back,
            fitted: OnceLock::new(),
            storing: AtomicBool::new(false),
        }
    }

    /// Makes the images and writes the end of the job.
    pub(super) async fn run(self) -> AttemptOutcome {
        let made = tokio::select! {
            biased;
            () = self.running.cancelled() => Err(AttemptError::Lost),
            made = self.make() => made,
            () = self.hand_back.cancelled() => Err(AttemptError::HandBack),
            () = self.keep_lease() => Err(AttemptError::Lost),
        };
        let (context, claim) = (&self.context, &self.claim);
        let stop = match made {
            Ok(made) => {
                ending::finish(context, claim, made).await;
                return AttemptOutcome::Succeeded;
            }
            Err(stop) => stop,
        };
        // Before another worker can claim the job.
        if self.storing.load(Ordering::Acquire) {
            ending::delete_files(context, claim).await;
        }
        match stop {
            AttemptError::Failed(failure) => ending::fail(context, claim, failure).await,
            AttemptError::EngineStopped => {
                ending::release(context, claim).await;
                return AttemptOutcome::EngineStopped;
            }
            AttemptError::StoreFailed => {
                ending::release(context, claim).await;
                return AttemptOutcome::StoreFailed;
            }
            AttemptError::HandBack => ending::release(context, claim).await,
            AttemptError::EngineLost => {
                if context.execution.engines.can_recover() {
                    ending::lose_engine(context, claim).await;
                } else {
                    context.storage.stores.health.record_death_from_inside();
                    tracing::error!("job left for the next process");
                }
            }
            AttemptError::Lost => {
                tracing::info!("attempt stopped, job was claimed by another attempt")
            }
        }
        AttemptOutcome::Otherwise
    }

    /// Sends heartbeats until the job no longer belongs to this attempt.
    async fn keep_lease(&self) {
        let period = self
            .context
            .storage
            .config()
            .heartbeat
            .max(Duration::from_millis(1));
        let mut heartbeat = interval(period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The first tick comes at once: the job may have been cancelled
            // before it was in the list of running jobs.
            heartbeat.tick().await;
            let lease_until =
                self.context.storage.clock.now() + self.context.storage.config().lease;
            match self
                .context
                .storage
                .stores
                .jobs
                .heartbeat(self.claim.fence, lease_until)
                .await
            {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "failed to extend lease of job"),
            }
        }
    }

    /// Makes and stores the images.
    async fn make(&self) -> Result<Success, AttemptError> {
        self.at(Checkpoint::Claimed);
        let begin = Instant::now();
        let fetched = self.fetch().await?;
        let face_fetch = millis(begin.elapsed());
        let (output, (began, engine), warnings) = {
            // The first attempt to have its photo comes first, and few are
            // decoded. The semaphore is never closed.
            let _place = self.context.execution.engine_permits.acquire().await;
            self.enter().await?;
            let Photo { image, warnings } = self.photo(fetched).await?;
            self.warn(&warnings).await?;
            self.fit(&image).await?;
            let (output, by) = self.generate(image).await?;
            (output, by, warnings)
        };
        let images = output.images.iter().map(ImageRecord::from).collect();
        let begin = Instant::now();
        let files = self.encode(output.images).await?;
        let encoding = millis(begin.elapsed());
        self.at(Checkpoint::Encoded);
        let begin = Instant::now();
        let location = self.store(files).await?;
        let storing = millis(begin.elapsed());
        self.at(Checkpoint::Stored);
        let clock = &self.context.storage.clock;
        Ok(Success {
            now: clock.now(),
            location,
            warnings: [warnings, output.warnings].concat(),
            outcome: Outcome {
                generation_time: clock.monotonic().saturating_sub(began),
                stages: Stages {
                    face_fetch,
                    encoding,
                    storing,
                    ..Stages::of_engine(&output.timings)
                },
                images,
                engine: Some(engine.as_str().to_owned()),
            },
        })
    }

    /// Returns the request, as far as it is known by now.
    fn request(&self) -> &GenerationRequest {
        self.fitted.get().unwrap_or(&self.claim.job.request)
    }

    /// Generates the images; returns them, when the engine began, and its name.
    async fn generate(
        &self,
        face: RgbImage,
    ) -> Result<(GenerationOutput, (Duration, EngineName)), AttemptError> {
        let spec = self.request().spec.clone();
        let execution = &self.context.execution;
        let source = execution.previews.source(self.claim.job.id);
        let input = GenerationInput { spec, face };
        let submitted = execution.engines.submit(input, source.demand());
        let Submitted {
            engine,
            mut generation,
        } = submitted.ok_or(AttemptError::EngineStopped)?;
        let clock = &self.context.storage.clock;
        let mut start = self
            .context
            .execution
            .engine_start_times
            .submit(&engine, clock);
        self.context
            .execution
            .throughput()
            .begin(&engine, clock.monotonic());
        let end = self.end_of(generation.as_mut(), &mut start, &source).await;
        let output = end.map_err(|error| of_backend(&error))?;
        metrics::timings(&output.timings, &engine);
        Ok((output, (start.began(), engine)))
    }

    async fn end_of(
        &self,
        generation: &mut dyn Generation,
        start: &mut EngineStart,
        source: &PreviewSource,
    ) -> Result<GenerationOutput, BackendError> {
        while let Some(event) = generation.next().await {
            match event {
                GenerationEvent::Progress {
                    step,
                    steps,
                    previews: images,
                } => {
                    start.began();
                    // Before the event, so that those whom it wakes find it.
                    let seed = self.request().spec.seed();
                    previews::show(&self.context, source, step, images, seed);
                    self.progress(start.engine(), step, steps);
                }
                GenerationEvent::Finished(output) => return Ok(output),
                GenerationEvent::Failed(error) => return Err(error),
            }
        }
        Err(BackendError::EngineStopped)
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no 53 bits")]
    fn progress(&self, engine: &EngineName, step: usize, steps: usize) {
        let units = cost(self.request()) as f64 / steps.max(1) as f64;
        let now = self.context.storage.clock.monotonic();
        self.context.execution.throughput().step(engine, units, now);
        self.running.progress(step, steps);
        let job = self.claim.job.id;
        self.context
            .storage
            .publish(Event::Progress { job, step, steps });
        self.at(Checkpoint::Denoising);
    }

    async fn encode(&self, images: Vec<GeneratedImage>) -> Result<Files, AttemptError> {
        let begin = Instant::now();
        let encoder = Arc::clone(&self.context.encoder);
        let images = images::with_provenance(&self.context, &self.request().spec, images);
        let names = self.claim.job.files();
        let work = move || images::encode(&encoder, &images, names);
        let files = tokio::task::spawn_blocking(work).await;
        let files = files.unwrap_or_else(|error| Err(broken_task::reason(&error).into()));
        metrics::stage(Stage::Encoding, begin.elapsed());
        files.map_err(|error| {
            tracing::error!(error, "failed to encode images of job");
            AttemptError::Failed(failures::not_encoded())
        })
    }

    async fn store(&self, files: Files) -> Result<ImageLocation, AttemptError> {
        let begin = Instant::now();
        self.storing.store(true, Ordering::Release);
        let stored = images::store(&self.context.storage, &self.claim, files).await;
        let place = stored.map_err(|error| {
            tracing::error!(%error, "failed to store images of job");
            AttemptError::StoreFailed
        })?;
        metrics::stage(Stage::Storing, begin.elapsed());
        Ok(place)
    }

    fn at(&self, checkpoint: Checkpoint) {
        (self.context.observer)(checkpoint, self.request());
    }
}
