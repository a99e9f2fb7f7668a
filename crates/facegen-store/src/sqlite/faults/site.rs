//! A database on a disk that fails, and what can be written to it.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::fake::ManualClock;
use facegen_core::fake::requests::with_webhook;
use facegen_core::job::{Failure, Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::redact::FaceImage;
use facegen_core::store::{
    Claim, ClaimScope, DeadWorkers, Death, Delivery, DeliveryFilter, DeliveryKind, JobStore,
    NewJob, NewUpload, QueueLimits, StoreError, Stores, WorkerId,
};
use facegen_core::{Clock, ErrorCode, FaceSource, FilePrefix};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use uuid::Uuid;

use super::vfs::{self, Faults};
use crate::sqlite::database::{Database, options};
use crate::sqlite::file;
use crate::sqlite::tests::{key, stores};

pub(super) const LIMITS: QueueLimits = QueueLimits {
    queue: 1_000_000,
    share: 0,
};

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// A database on a disk that fails, and the planned failure of the next write.
pub(super) struct Site {
    pub(super) faults: Faults,
    pub(super) plan: Option<(i64, i32)>,
    pub(super) store: Database,
    pub(super) stores: Stores,
    pub(super) queue: Arc<dyn JobStore>,
    pub(super) key: KeyId,
    pub(super) clock: ManualClock,
    pub(super) directory: TempDir,
}

pub(super) type Written<'a> = BoxFuture<'a, Result<(), StoreError>>;

/// A write: it prepares, arms the fault and writes.
pub(super) type Path = (&'static str, for<'a> fn(&'a Site) -> Written<'a>);

impl Site {
    pub(super) async fn new() -> Self {
        let faults = Faults::new();
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("jobs.sqlite");
        file::ensure_database(&database).unwrap();
        let options = options(&database)
            .vfs(vfs::NAME)
            .pragma("wal_autocheckpoint", "0")
            .busy_timeout(Duration::from_millis(20));
        let store = Database::connect(&database, options).await.unwrap();
        let clock = ManualClock::new();
        let stores = stores(&store);
        let key = key(&stores, "a").await;
        Self {
            faults,
            plan: None,
            queue: Arc::clone(&stores.jobs),
            stores,
            store,
            key: key.id,
            clock,
            directory,
        }
    }

    /// Makes writes fail as planned from here on.
    pub(super) fn arm(&self) {
        if let Some((after, code)) = self.plan {
            self.faults.begin(after, code);
        }
    }

    /// Returns a job whose photo does not fit the cache, so that it is written
    /// before the transaction ends.
    pub(super) fn new_job(&self) -> NewJob {
        NewJob {
            key: self.key,
            request: with_webhook("a person"),
            face: FaceSource::Inline(FaceImage::from(vec![7; 5 << 19])),
            file_prefix: prefix(),
            base_url: String::new(),
            priority: 0,
            preset: None,
            created_at: self.clock.now(),
        }
    }

    pub(super) async fn inserted(&self) -> Job {
        let job = NewJob {
            face: FaceSource::Inline(FaceImage::from(vec![7; 9])),
            ..self.new_job()
        };
        self.queue.insert(&job, LIMITS).await.unwrap().unwrap()
    }

    /// Cancels all queued jobs, whose photos take room.
    pub(super) async fn clear(&self) {
        let (failure, now) = (failure(), self.clock.now());
        self.queue.clear(None, &failure, now).await.unwrap();
    }

    /// Inserts and claims a job, the only one.
    pub(super) async fn claimed(&self) -> Claim {
        self.clear().await;
        self.inserted().await;
        let now = self.clock.now();
        let claim = self
            .queue
            .claim(ClaimScope::Any, &worker(), now, now + HOUR)
            .await;
        claim.unwrap().unwrap()
    }

    pub(super) async fn ended(&self) -> JobId {
        let claim = self.claimed().await;
        let now = self.clock.now();
        self.queue.fail(claim.fence, &failure(), now).await.unwrap();
        claim.job.id
    }

    pub(super) async fn delivery(&self) -> Delivery {
        self.ended().await;
        let now = self.clock.now();
        let (filter, worker) = (webhooks(), worker());
        let deliveries = &self.stores.deliveries;
        let claimed = deliveries.claim(&filter, &worker, now, now);
        claimed.await.unwrap().unwrap()
    }

    pub(super) fn upload(&self) -> NewUpload {
        NewUpload {
            key: self.key,
            file_prefix: prefix(),
            bytes: 9,
            created_at: self.clock.now(),
            expires_at: self.clock.now() + HOUR,
        }
    }
}

/// Returns the filter for first attempts of webhooks, of any key and receiver.
pub(super) fn webhooks() -> DeliveryFilter {
    DeliveryFilter {
        kind: DeliveryKind::Webhook,
        first: true,
        without_receivers: Vec::new(),
        without_keys: Vec::new(),
    }
}

pub(super) fn worker() -> WorkerId {
    WorkerId::new("a worker")
}

/// Returns the death of the worker.
pub(super) fn died() -> DeadWorkers {
    DeadWorkers::Worker {
        id: worker(),
        death: Death::FromInside,
    }
}

/// Returns a unique name.
pub(super) fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

pub(super) fn prefix() -> FilePrefix {
    FilePrefix::from_random(Uuid::new_v4().as_u128())
}

pub(super) fn failure() -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: "as the test wants it".into(),
    }
}
