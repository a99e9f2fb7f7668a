//! The background tasks, and how they stop.

use std::fmt;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use facegen_core::Engines;
use facegen_core::store::{DeliveryKind, Event, NodeRole, Order};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::broken_task;
use crate::caretaker::Caretaker;
use crate::context::{DeliveryContext, WorkContext};
use crate::deliveries::Deliveries;
use crate::janitor::Janitor;
use crate::nodes::Nodes;
use crate::service::JobService;
use crate::store_watch;
use crate::worker::Worker;

/// How many orders may wait; more would repeat those that do.
const ORDERS: usize = 8;

/// How long an engine may take to end: about one step of a slow processor.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);

/// The worker, the deliveries, the janitor and the health checks of the stores,
/// as far as the role of the process has them, until this is dropped. [`Running::shutdown`] ends them gracefully.
pub struct Running {
    context: Arc<WorkContext>,
    worker: JoinHandle<()>,
    webhooks: JoinHandle<()>,
    uploads: JoinHandle<()>,
    janitor: JoinHandle<()>,
    health: JoinHandle<()>,
    nodes: JoinHandle<()>,
    orders: Mutex<mpsc::Receiver<Order>>,
    engine_gone: CancellationToken,
    /// How long the engine may take to end.
    pub(crate) engine_patience: Duration,
    /// Cancelled when no delivery is claimed any more.
    stop_claiming: CancellationToken,
    /// Cancelled when running work is to be requeued.
    hand_back: CancellationToken,
    /// Cancelled when the process leaves the others.
    leave: CancellationToken,
    _stop: [DropGuard; 4],
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
        let role = context.profile.role;
        let worker = worker(&context, &hand_back, &engine_gone);
        let deliveries = |kind, hand_back: &CancellationToken| {
            let (stop_claiming, hand_back) = (stop_claiming.clone(), hand_back.clone());
            Deliveries::new(Arc::clone(delivery), kind, stop_claiming, hand_back)
        };
        let webhooks = deliveries(DeliveryKind::Webhook, &hand_back);
        // No caller waits for an upload, and a bucket may be slow to fail.
        let uploads = deliveries(DeliveryKind::Upload, &stop_claiming);
        let janitor = Janitor::new(Arc::clone(&context.storage), hand_back.clone());
        let (leave, (give, orders)) = (CancellationToken::new(), mpsc::channel(ORDERS));
        let nodes = Nodes::new(Arc::clone(&context), give, leave.clone());
        let is_alone = context.storage.stores.health.is_exclusive();
        let stop = [
            &context.execution.draining,
            &stop_claiming,
            &hand_back,
            &leave,
        ]
        .map(|token| token.clone());
        Self {
            worker,
            webhooks: spawn_if(role.serves_api(), webhooks.run()),
            uploads: spawn_if(role.serves_api(), uploads.run()),
            janitor: spawn_if(role.serves_api(), janitor.run()),
            nodes: spawn_if(!is_alone, nodes.run()),
            orders: Mutex::new(orders),
            health: tokio::spawn(store_watch::watch(
                Arc::clone(&context.storage),
                hand_back.clone(),
            )),
            context,
            engine_gone,
            engine_patience: ENGINE_PATIENCE,
            stop_claiming,
            hand_back,
            leave,
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

    /// Waits for what an operator orders all nodes on the database to do.
    pub async fn next_order(&self) -> Order {
        let next = self.orders.lock().await.recv().await;
        match next {
            Some(order) => order,
            // This process shares its database with no other.
            None => std::future::pending().await,
        }
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
        self.leave.cancel();
        log_panic((&mut self.nodes).await);
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

/// Starts what works on jobs: the worker, or where no engine is the caretaker.
fn worker(
    context: &Arc<WorkContext>,
    hand_back: &CancellationToken,
    engine_gone: &CancellationToken,
) -> JoinHandle<()> {
    let (context, hand_back) = (Arc::clone(context), hand_back.clone());
    match context.profile.role {
        NodeRole::Api => tokio::spawn(Caretaker::new(context, hand_back).run()),
        NodeRole::All | NodeRole::Worker => {
            let worker = Worker::new(context, hand_back, engine_gone.clone());
            tokio::spawn(worker.run())
        }
    }
}

/// Starts a task, or one that ends at once.
fn spawn_if(wanted: bool, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    if wanted {
        tokio::spawn(task)
    } else {
        tokio::spawn(std::future::ready(()))
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
