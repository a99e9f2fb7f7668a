//! The view of one job, and the watch over its changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::JobState;
use facegen_core::job::{Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::store::{Event, Subscription};
use tokio::time::sleep;

use super::JobService;
use crate::context::IntakeContext;
use crate::context::previews::{Preview, PreviewListener};
use crate::error::JobError;

/// How often the position in the queue is polled, which has no event.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The state of one job at one time.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// How many jobs come before it, while it waits.
    pub position: Option<u32>,
    /// How many denoising steps are done, of how many, while it runs.
    pub steps: Option<(usize, usize)>,
    /// The latest preview, while it runs and the watch wants previews.
    pub preview: Option<Preview>,
    /// How long it takes until it has ended; zero once it has.
    pub eta: Duration,
}

impl JobView {
    fn differs(&self, other: &Self) -> bool {
        let what = |view: &Self| {
            let preview = view.preview.as_ref().map(|preview| preview.step);
            (view.job.state, view.position, view.steps, preview)
        };
        what(self) != what(other)
    }
}

impl JobService {
    /// Returns the view of the job with this id, if it belongs to `key`.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn view(&self, key: KeyId, id: JobId) -> Result<Option<JobView>, JobError> {
        view(&self.context, key, id, None).await
    }

    /// Lists the latest jobs of `key`, those before the one of this id, `limit`
    /// at most.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, JobError> {
        Ok(self
            .context
            .storage
            .stores
            .jobs
            .page(key, before, limit)
            .await?)
    }

    /// Watches a job; the first call of `next` checks that it belongs to `key`.
    #[must_use]
    pub fn watch(&self, key: KeyId, id: JobId) -> JobWatch {
        JobWatch {
            events: self.context.storage.stores.events.subscribe(),
            context: Arc::clone(&self.context),
            key,
            id,
            previews: None,
            last: None,
        }
    }
}

async fn view(
    context: &IntakeContext,
    key: KeyId,
    id: JobId,
    previews: Option<&PreviewListener>,
) -> Result<Option<JobView>, JobError> {
    let Some(job) = context.storage.stores.jobs.find(Some(key), id).await? else {
        return Ok(None);
    };
    let position = match job.state {
        JobState::Queued => Some(context.storage.stores.jobs.position(id).await?),
        JobState::Running | JobState::Succeeded | JobState::Failed | JobState::Cancelled => None,
    };
    if job.state == JobState::Queued {
        // Those of an earlier attempt, if there are any.
        context.execution.steps_elsewhere.forget(id);
    }
    let steps = context.execution.steps(id);
    let steps = steps.filter(|_| job.state == JobState::Running);
    let preview = previews.and_then(PreviewListener::latest);
    Ok(Some(JobView {
        eta: super::watch::estimate(context, &job).await?,
        position,
        steps,
        preview: preview.filter(|_| job.state == JobState::Running),
        job,
    }))
}

/// Reports each change of one job. It keeps only the last view, so a slow
/// reader seldom misses more than the states in between.
pub struct JobWatch {
    context: Arc<IntakeContext>,
    key: KeyId,
    id: JobId,
    events: Box<dyn Subscription>,
    previews: Option<PreviewListener>,
    last: Option<JobView>,
}

impl JobWatch {
    /// Wants previews from now on. They come only while the job runs in this
    /// process and its images are not checked for safety.
    pub fn want_previews(&mut self) {
        self.previews = Some(self.context.execution.previews.listen(self.id));
    }

    /// Returns the job at once, and then whenever it has changed. `None` after its
    /// end was returned, when it does not exist, or when jobs no longer end.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<JobView>, JobError> {
        if self
            .last
            .as_ref()
            .is_some_and(|view| view.job.state.is_final())
        {
            return Ok(None);
        }
        loop {
            let stopped = self.context.execution.stopped.is_cancelled();
            let Some(view) = view(&self.context, self.key, self.id, self.previews.as_ref()).await?
            else {
                return Ok(None);
            };
            if self.last.as_ref().is_none_or(|last| view.differs(last)) {
                self.last = Some(view.clone());
                return Ok(Some(view));
            }
            if stopped {
                return Ok(None);
            }
            let id = self.id;
            let (events, execution) = (&mut self.events, &self.context.execution);
            let changed = async {
                loop {
                    let event = events.next().await;
                    if may_change(event, id) {
                        // Another subscriber does the same, maybe later.
                        execution.steps_elsewhere.hear(event);
                        break;
                    }
                }
            };
            tokio::select! {
                () = changed => {}
                () = sleep(POLL_INTERVAL) => {}
                () = self.context.execution.stopped.cancelled() => {}
            }
        }
    }
}

/// Returns whether the event may have changed the view of this job.
fn may_change(event: Event, id: JobId) -> bool {
    match event {
        Event::JobEnded(job) | Event::Progress { job, .. } => job == id,
        Event::Missed => true,
        Event::JobQueued | Event::DeliveryDue(_) | Event::JobCancelled(_) | Event::Ordered => false,
    }
}

impl fmt::Debug for JobWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JobWatch").finish_non_exhaustive()
    }
}
