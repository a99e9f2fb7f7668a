//! All about one job, and how it changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::JobState;
use tokio::sync::broadcast::Receiver;
use tokio::time::sleep;

use super::JobService;
use super::watch::told;
use crate::context::Shared;
use crate::error::JobError;
use crate::job::{Job, JobId};
use crate::key::KeyId;

/// How often one looks for what nobody tells of: a place in the queue.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All about one job at one moment.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// How many jobs come before it, while it waits.
    pub position: Option<u32>,
    /// How many denoising steps are done, of how many, while it runs.
    pub steps: Option<(usize, usize)>,
    /// How long it will take until it has ended; zero once it has.
    pub eta: Duration,
}

impl JobView {
    fn differs(&self, other: &Self) -> bool {
        let what = |view: &Self| (view.job.state, view.position, view.steps);
        what(self) != what(other)
    }
}

impl JobService {
    /// All about the job with this id, if it belongs to `key`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn view(&self, key: KeyId, id: JobId) -> Result<Option<JobView>, JobError> {
        view(&self.shared, key, id).await
    }

    /// The latest jobs of `key`, those before the one of this id, `limit` at
    /// most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn page(
        &self,
        key: KeyId,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, JobError> {
        Ok(self.shared.queue.page(key, before, limit).await?)
    }

    /// Watches a job; who may is found out by the first look.
    #[must_use]
    pub fn watch(&self, key: KeyId, id: JobId) -> JobWatch {
        JobWatch {
            ended: self.shared.ended.subscribe(),
            shared: Arc::clone(&self.shared),
            key,
            id,
            last: None,
        }
    }
}

async fn view(shared: &Shared, key: KeyId, id: JobId) -> Result<Option<JobView>, JobError> {
    let Some(job) = shared.queue.find(Some(key), id).await? else {
        return Ok(None);
    };
    let position = match job.state {
        JobState::Queued => Some(shared.queue.position(id).await?),
        JobState::Running | JobState::Succeeded | JobState::Failed | JobState::Cancelled => None,
    };
    let steps = shared.in_hand.steps(id);
    let steps = steps.filter(|_| job.state == JobState::Running);
    Ok(Some(JobView {
        eta: super::watch::estimate(shared, &job).await?,
        position,
        steps: steps.map(|steps| *steps.borrow()),
        job,
    }))
}

/// Tells of each change of one job. It holds nothing but the last look: who
/// asks seldom misses what lay in between.
pub struct JobWatch {
    shared: Arc<Shared>,
    key: KeyId,
    id: JobId,
    ended: Receiver<JobId>,
    last: Option<JobView>,
}

impl JobWatch {
    /// The job at once, and then whenever it has changed. `None` once its end
    /// was told, when it is not there, or when no job will end any more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn next(&mut self) -> Result<Option<JobView>, JobError> {
        if self
            .last
            .as_ref()
            .is_some_and(|view| view.job.state.is_final())
        {
            return Ok(None);
        }
        loop {
            // Before the look, so that no step falls in between.
            let steps = self.shared.in_hand.steps(self.id);
            let stopped = self.shared.stopped.is_cancelled();
            let Some(view) = view(&self.shared, self.key, self.id).await? else {
                return Ok(None);
            };
            if self.last.as_ref().is_none_or(|last| view.differs(last)) {
                self.last = Some(view.clone());
                return Ok(Some(view));
            }
            if stopped {
                return Ok(None);
            }
            let stepped = async {
                let Some(mut steps) = steps else {
                    return std::future::pending().await;
                };
                // An error says that the job is not in hand any more.
                let _ = steps.changed().await;
            };
            tokio::select! {
                () = stepped => {}
                () = told(&mut self.ended, self.id) => {}
                () = sleep(LOOK_EVERY) => {}
                () = self.shared.stopped.cancelled() => {}
            }
        }
    }
}

impl fmt::Debug for JobWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JobWatch").finish_non_exhaustive()
    }
}
