//! What the service, the worker and the deliveries each work with.
//!
//! Each has a context of its own with what it needs; the janitor and the health checks of the
//! stores need [`Storage`] alone. What two of them change is in [`Storage`] or [`Execution`].

pub(crate) mod decoding;
pub(crate) mod engine_permits;
pub(crate) mod engine_slot;
pub(crate) mod engine_start_times;
mod execution;
pub(crate) mod other_nodes;
pub(crate) mod photo_cache;
pub(crate) mod previews;
pub(crate) mod readers;
pub(crate) mod running_jobs;
pub(crate) mod seen_orders;
pub(crate) mod steps_elsewhere;
mod storage;
pub(crate) mod throughput;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::store::{NodeRole, StoreError, Stores, WorkerId};
use facegen_core::{FaceReader, Provenance, WebhookSender};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::broken_task;
use crate::buckets::KeyBuckets;
use crate::error::JobError;
use crate::keys::Keys;
use crate::master_key::MasterKey;
use crate::metrics;
use crate::ports::{
    ImageEncoder, JobsConfig, NodeProfile, Observer, Ports, UploadEncoder, WebhookBody,
};
use decoding::PhotoDecoder;
pub(crate) use execution::Execution;
use seen_orders::SeenOrders;
pub(crate) use storage::Storage;
use throughput::Throughput;

/// How many recent successes give the throughput of an engine that has not worked yet.
pub(crate) const LATEST_TIMES: u32 = 20;

/// What the service works with: it accepts jobs and answers questions about them.
pub(crate) struct IntakeContext {
    pub(crate) storage: Arc<Storage>,
    pub(crate) execution: Arc<Execution>,
    pub(crate) decoder: PhotoDecoder,
    pub(crate) keys: Keys,
    pub(crate) key_buckets: KeyBuckets,
    pub(crate) upload_encoder: UploadEncoder,
    pub(crate) observer: Observer,
    pub(crate) role: NodeRole,
}

/// What the worker works with.
pub(crate) struct WorkContext {
    pub(crate) storage: Arc<Storage>,
    pub(crate) execution: Arc<Execution>,
    pub(crate) decoder: PhotoDecoder,
    /// The name under which this process claims jobs.
    pub(crate) worker: WorkerId,
    pub(crate) profile: NodeProfile,
    pub(crate) seen_orders: SeenOrders,
    pub(crate) faces: Arc<dyn FaceReader>,
    pub(crate) encoder: ImageEncoder,
    pub(crate) provenance: Provenance,
    pub(crate) observer: Observer,
}

/// What the deliveries work with.
pub(crate) struct DeliveryContext {
    pub(crate) storage: Arc<Storage>,
    /// The name under which this process claims deliveries.
    pub(crate) worker: WorkerId,
    pub(crate) webhooks: Arc<dyn WebhookSender>,
    pub(crate) webhook_body: WebhookBody,
    pub(crate) master_key: MasterKey,
}

/// One context for each part.
pub(crate) struct Contexts {
    pub(crate) intake: IntakeContext,
    pub(crate) work: WorkContext,
    pub(crate) delivery: DeliveryContext,
}

impl Contexts {
    /// Opens the stores and requeues what a former process had claimed.
    pub(crate) async fn open(
        config: JobsConfig,
        ports: Ports,
        stores: Stores,
    ) -> Result<Self, StoreError> {
        let times = stores.jobs.latest_times(LATEST_TIMES).await?;
        metrics::describe();
        let keys = Keys::new(Arc::clone(&stores.keys), Arc::clone(&ports.clock));
        let storage = Arc::new(Storage::new(config, &ports, stores));
        if storage.stores.health.is_exclusive() {
            storage.reclaim_former_workers().await?;
        }
        let execution = Arc::new(Execution::new(Throughput::from_times(&times)));
        Ok(Self::new(keys, storage, execution, ports))
    }

    fn new(keys: Keys, storage: Arc<Storage>, execution: Arc<Execution>, ports: Ports) -> Self {
        let worker = WorkerId::new(Uuid::new_v4());
        let decoder = PhotoDecoder::new(Arc::clone(&ports.faces));
        let intake = IntakeContext {
            storage: Arc::clone(&storage),
            execution: Arc::clone(&execution),
            decoder: decoder.clone(),
            keys,
            key_buckets: ports.key_buckets,
            upload_encoder: ports.upload_encoder,
            role: ports.node.role,
            observer: Arc::clone(&ports.observer),
        };
        let work = WorkContext {
            storage: Arc::clone(&storage),
            execution,
            decoder,
            worker: worker.clone(),
            profile: ports.node,
            seen_orders: SeenOrders::default(),
            faces: ports.faces,
            encoder: ports.encoder,
            provenance: ports.provenance,
            observer: ports.observer,
        };
        let delivery = DeliveryContext {
            storage,
            worker,
            webhooks: ports.webhooks,
            webhook_body: ports.webhook_body,
            master_key: ports.master_key,
        };
        Self {
            intake,
            work,
            delivery,
        }
    }
}

impl WorkContext {
    /// Abandons the last engine, which has been in one call for longer than `step_timeout`.
    pub(crate) fn give_up_engines(&self, step_timeout: Duration) {
        self.storage.stores.health.record_death_from_inside();
        tracing::error!(
            ?step_timeout,
            "engine timed out, this process must be restarted"
        );
        self.execution.engine_hung.cancel();
    }
}

/// Runs `work` to its end, even if the caller goes away meanwhile.
pub(crate) async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, JobError>> + Send + 'static,
) -> Result<T, JobError> {
    let task = tokio::spawn(work.in_current_span()).await;
    task.unwrap_or_else(|error| Err(JobError::BrokeDown(broken_task::reason(&error))))
}
