//! This process among the nodes on its database: it shows itself by heartbeats,
//! looks at the others, and passes on what an operator orders all of them to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::{Event, Node, NodeEngine, NodeRole, Order, StoreError, Subscription};
use facegen_core::{EngineState, Timestamp};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::context::other_nodes::OtherNodes;
use crate::context::throughput::Throughput;
use crate::context::{LATEST_TIMES, WorkContext};
use crate::metrics;
use crate::ports::NodeProfile;

/// Shows this process to the other nodes, until it is stopped.
pub(crate) struct Nodes {
    context: Arc<WorkContext>,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
    started_at: Timestamp,
}

impl Nodes {
    /// Creates it, without starting it. Orders are sent to `orders`.
    pub(crate) fn new(
        context: Arc<WorkContext>,
        orders: mpsc::Sender<Order>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            started_at: context.storage.clock.now(),
            context,
            orders,
            stop,
        }
    }

    /// Sends heartbeats, and one at once when something has changed. At the end
    /// the node is removed.
    pub(crate) async fn run(self) {
        let context = Arc::clone(&self.context);
        let draining = &context.execution.draining;
        let mut events = context.storage.stores.events.subscribe();
        let mut shown = Vec::new();
        while !self.stop.is_cancelled() {
            let node = self.node();
            shown.clone_from(&node.engines);
            let was_draining = node.draining;
            if let Err(error) = self.heartbeat(&node).await {
                tracing::warn!(%error, "failed to send heartbeat of node");
            }
            let period = context.storage.config().heartbeat;
            tokio::select! {
                () = sleep(period.max(Duration::from_millis(1))) => {}
                () = ordered(&mut *events) => {}
                () = self.engines_differ(&shown) => {}
                () = draining.cancelled(), if !was_draining => {}
                () = self.stop.cancelled() => {}
            }
        }
        let nodes = &context.storage.stores.nodes;
        if let Err(error) = nodes.remove(&context.worker).await {
            tracing::warn!(%error, "failed to remove node, it counts as dead soon");
        }
    }

    async fn heartbeat(&self, node: &Node) -> Result<(), StoreError> {
        let storage = &self.context.storage;
        let given = storage.stores.nodes.heartbeat(node).await?;
        for order in self.context.seen_orders.update(given) {
            tracing::info!(?order, "order of an operator received");
            match order {
                Order::ClearCache => storage.clear_caches().await,
                // It has no receiver once the process is stopping, and is full of the
                // same when none is carried out.
                Order::Restart | Order::Update => drop(self.orders.try_send(order)),
            }
        }
        let alive = storage.clock.now() - storage.config().lease;
        let nodes = storage.stores.nodes.list(alive).await?;
        measure(&nodes);
        let others = OtherNodes::of(&nodes, &node.id);
        self.context.execution.see_nodes(others);
        if !node.role.makes_images() {
            // What others measure is in the rows.
            let times = storage.stores.jobs.latest_times(LATEST_TIMES).await?;
            *self.context.execution.throughput() = Throughput::from_times(&times);
        }
        Ok(())
    }

    fn node(&self) -> Node {
        let WorkContext {
            storage,
            execution,
            worker,
            profile,
            ..
        } = &*self.context;
        let NodeProfile {
            role,
            name,
            version,
        } = profile.clone();
        let engines = engines(&self.context);
        let ready = engines.iter().filter(|engine| engine.ready).count();
        let config = storage.config();
        Node {
            id: worker.clone(),
            role,
            name,
            preset: config.preset.clone(),
            models: u32::try_from(ready * config.networks).unwrap_or(u32::MAX),
            engines,
            version,
            draining: execution.draining.is_cancelled(),
            started_at: self.started_at,
            seen_at: storage.clock.now(),
        }
    }

    /// Returns when the engines are others than these.
    async fn engines_differ(&self, shown: &[NodeEngine]) {
        while engines(&self.context) == shown {
            sleep(Duration::from_millis(500)).await;
        }
    }
}

fn engines(context: &WorkContext) -> Vec<NodeEngine> {
    let health = context.execution.engines.health().into_iter();
    let engine = health.map(|engine| NodeEngine {
        name: engine.name.to_string(),
        ready: engine.state == EngineState::Ready,
        requests: engine.capacity.requests,
        images_per_step: engine.capacity.pictures_per_step,
    });
    engine.collect()
}

/// Returns when the nodes get an order, or an event was missed.
async fn ordered(events: &mut dyn Subscription) {
    while !matches!(events.next().await, Event::Ordered | Event::Missed) {}
}

fn measure(nodes: &[Node]) {
    let mut counts: BTreeMap<NodeRole, usize> = NodeRole::ALL.map(|role| (role, 0)).into();
    for node in nodes {
        *counts.entry(node.role).or_default() += 1;
    }
    counts
        .into_iter()
        .for_each(|(role, count)| metrics::nodes(role, count));
}
