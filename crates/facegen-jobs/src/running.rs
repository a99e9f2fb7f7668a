//! The background tasks, and how they stop.

use std::fmt;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use facegen_core::Engines;
use facegen_core::store::{DeliveryKind, Event};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::broken_task;
use crate::context::{DeliveryContext, WorkContext};
use crate::deliveries::Deliveries;
use crate::janitor::Janitor;
use crate::service::JobService;
use crate::store_watch;
use crate::worker::Worker;

/// How long an engine may take to end: about one step of a slow processor.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);

/// The worker, the deliveries, the janitor and the health checks of the stores,
/// until this is dropped. [`Running::shutdown`] ends them gracefully.
pub struct Running {
    context: Arc<WorkContext>,
    worker: JoinHandle<()>,
    webhooks: JoinHandle<()>,
    uploads: JoinHandle<()>,
    janitor: JoinHandle<()>,
    health: JoinHandle<()>,
    engine_gone: CancellationToken,
    /// How long the engine may take to end.
    pub(crate) engine_patience: Duration,
    /// Cancelled when no delivery is claimed any more.
    stop_claiming: CancellationToken,
    /// Cancelled when running work is to be requeued.
    hand_back: CancellationToken,
    _stop: [DropGuard; 3],
}

impl JobService {
    /// Starts the deliveries of webhooks and images and the deletion of what
    /// has expired. Jobs run once engines are attached to the result. Must be
    /// called once, in a tokio runtime.
    #[must_use]
    pub fn start(&self) -> Running {
        Running::start(Arc::clone(&self.work), &self.delivery)
    }
}

impl Running {
    /// Starts all of them.
    pub(crate) fn start(context: Arc<WorkContext>, delivery: &Arc<DeliveryContext>) -> Self {
        let [hand_back, engine_gone, stop_claiming]: [CancellationToken; 3] = Default::default();
        let worker = Worker::new(Arc::clone(&context), hand_back.clone(), engine_gone.clone());
        let deliveries = |kind, hand_back: &CancellationToken| {
            let (stop_claiming, hand_back) = (stop_claiming.clone(), hand_back.clone());
            Deliveries::new(Arc::clone(delivery), kind, stop_claiming, hand_back)
        };
        let webhooks = deliveries(DeliveryKind::Webhook, &hand_back);
        // No caller waits for an upload, and a bucket may be slow to fail.
        let uploads = deliveries(DeliveryKind::Upload, &stop_claiming);
        let janitor = Janitor::new(Arc::clone(&context.storage), hand_back.clone());
        let stop =
            [&context.execution.draining, &stop_claiming, &hand_back].map(|token| token.clone());
        Self {
            worker: tokio::spawn(worker.run()),
            webhooks: tokio::spawn(webhooks.run()),
            uploads: tokio::spawn(uploads.run()),
            janitor: tokio::spawn(janitor.run()),
            health: tokio::spawn(store_watch::watch(
                Arc::clone(&context.storage),
                hand_back.clone(),
            )),
            context,
            engine_gone,
            engine_patience: ENGINE_PATIENCE,
            stop_claiming,
            hand_back,
            _stop: stop.map(CancellationToken::drop_guard),
        }
    }

    /// Gives the worker its engines, at first or in place of those it has,
    /// whose jobs run again on the new ones.
    pub fn attach(&self, engines: Arc<dyn Engines>) {
        let former = self.context.execution.engines.replace(Some(engines));
        // They end within a step, which is too long for a task.
        let _ended = drop_engines(former);
        self.context.storage.publish(Event::JobQueued);
    }

    /// Makes the worker claim at once, because the number of ready engines
    /// among those attached has changed.
    pub fn engines_changed(&self) {
        self.context.storage.publish(Event::JobQueued);
    }

    /// Takes the engines away, and returns once they have ended. Their jobs
    /// wait for the next ones. An engine that exceeds its step timeout hangs:
    /// see [`Running::engine_hangs`].
    pub async fn detach(&self) {
        let patience = self.context.storage.config().step_timeout;
        let Some(engines) = self.context.execution.engines.replace(None) else {
            return;
        };
        if engines.end(patience).await.is_err() {
            self.context.give_up_engines(patience);
            self.engine_gone.cancel();
        }
        let _ended = drop_engines(Some(engines));
    }

    /// Waits until no job will run any more because the engine broke and cannot
    /// be rebuilt, or hangs.
    pub async fn engine_gone(&self) {
        self.engine_gone.cancelled().await;
    }

    /// Returns whether the engine hangs, which only the end of the process
    /// stops. Its jobs are left as they are; the next process counts a crash
    /// for each of them.
    #[must_use]
    pub fn engine_hangs(&self) -> bool {
        self.context.execution.engine_hung.is_cancelled()
    }

    /// Accepts no more jobs, lets running ones end for as long as `grace`, and
    /// requeues the rest unharmed; then the same for webhooks. Waiting jobs
    /// stay for the next start. An engine that does not end within ten seconds
    /// after that is abandoned.
    pub async fn shutdown(mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.context.execution.draining.cancel();
        let hand_back = &self.hand_back;
        end_by(deadline, &mut self.worker, hand_back).await;
        self.stop_claiming.cancel();
        end_by(deadline, &mut self.webhooks, hand_back).await;
        end_by(deadline, &mut self.uploads, hand_back).await;
        hand_back.cancel();
        log_panic((&mut self.janitor).await);
        log_panic((&mut self.health).await);
        let Some(engines) = self.context.execution.engines.replace(None) else {
            return;
        };
        let patience = self.engine_patience;
        let ended = timeout(patience, engines.end(patience)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!(?patience, "engine did not stop in time, abandoned");
        }
        let _dropped = drop_engines(Some(engines));
    }
}

/// Drops the engines and waits for their end on a thread that is never joined:
/// the runtime waits for its own threads when it ends, and an engine that hangs
/// would block the process for ever.
fn drop_engines(engine: Option<Arc<dyn Engines>>) -> impl Future<Output = ()> {
    let (end, ended) = oneshot::channel();
    let end_it = move || {
        drop(engine);
        // The caller may have stopped waiting.
        let _ = end.send(());
    };
    let thread = Builder::new().name("engine-end".into()).spawn(end_it);
    if let Err(error) = thread {
        tracing::error!(%error, "failed to start the thread that stops the engine");
    }
    async move {
        // An error means that the thread is gone, so the engine is as well.
        let _ = ended.await;
    }
}

/// Waits for the end of a task, and asks it to requeue its running work when
/// that has not come by `deadline`.
async fn end_by(deadline: Instant, task: &mut JoinHandle<()>, hand_back: &CancellationToken) {
    let ended = match timeout_at(deadline, &mut *task).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::info!("shutdown grace period elapsed, requeuing running work");
            hand_back.cancel();
            task.await
        }
    };
    log_panic(ended);
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(
            reason = broken_task::reason(&error),
            "background task panicked"
        );
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}
