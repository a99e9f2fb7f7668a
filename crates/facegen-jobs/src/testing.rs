//! The harness of the tests: fakes behind every port, and a database in a
//! temporary directory.

pub(crate) mod bucket;
pub(crate) mod directory;
pub(crate) mod log;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::Provenance;
pub(crate) use facegen_core::fake::requests::{
    RECEIVER, inline, parse, raw, request, with_receiver, with_webhook,
};
use facegen_core::fake::{
    FakeBackend, FakeBuckets, FakeControl, FakeFaceReader, ManualClock, MemoryStore,
};
use facegen_core::job::{Job, JobId};
use facegen_core::key::KeyId;
use facegen_core::key_limits::KeyLimits;
use facegen_core::redact::Secret;
use facegen_core::store::{DeliveryKind, Event, Stores};
use facegen_core::{
    FileKind, FileName, GenerationRequest, ImageStore, WebhookMessage, WebhookOutcome,
    WebhookSender,
};
use facegen_executor::EngineHandle;
use facegen_store::SqliteStore;
use facegen_store::sqlite::testing::{Count, Rows};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::buckets::KeyBuckets;
use crate::master_key::MasterKey;
use crate::ports::{JobsConfig, NodeProfile, Observer, Ports};
use crate::running::Running;
use crate::service::{JobService, Submission};

/// How long a test waits for what must happen anyway.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Harness {
    pub(crate) directory: TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) control: FakeControl,
    pub(crate) images: MemoryStore,
    pub(crate) receiver: FakeReceiver,
    pub(crate) observer: Observer,
    pub(crate) queue_limit: u32,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with_control(FakeControl::new())
    }

    pub(crate) fn with_control(control: FakeControl) -> Self {
        let clock = ManualClock::new();
        Self {
            directory: tempfile::tempdir().unwrap(),
            images: MemoryStore::new(Arc::new(clock.clone())),
            clock,
            control,
            receiver: FakeReceiver::default(),
            observer: Arc::new(|_, _| {}),
            queue_limit: 1_000,
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("data").join("jobs.sqlite")
    }

    pub(crate) fn config(&self) -> JobsConfig {
        JobsConfig {
            queue_limit: self.queue_limit,
            ..config()
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        Ports {
            images: Arc::new(self.images.clone()),
            webhooks: Arc::new(self.receiver.clone()),
            clock: Arc::new(self.clock.clone()),
            observer: Arc::clone(&self.observer),
            ..ports(Arc::new(self.images.clone()))
        }
    }

    pub(crate) async fn open(&self) -> JobService {
        self.open_with(self.config(), self.ports()).await
    }

    /// Opens the stores in the directory, for one service.
    pub(crate) async fn stores(&self) -> Stores {
        let store = SqliteStore::open_exclusive(&self.database()).await;
        store.unwrap().into_stores()
    }

    /// Opens a service with these settings and ports.
    pub(crate) async fn open_with(&self, config: JobsConfig, ports: Ports) -> JobService {
        let stores = self.stores().await;
        JobService::open(config, ports, stores).await.unwrap()
    }

    pub(crate) fn engine(&self) -> Arc<EngineHandle> {
        engine(&self.control)
    }

    /// Starts a service with a key and an engine.
    pub(crate) async fn begin(&self) -> (JobService, KeyId, Running) {
        let service = self.open().await;
        let key = new_key(&service).await;
        let running = service.start();
        running.attach(self.engine());
        (service, key, running)
    }

    /// Opens the database a second time, without its lock.
    pub(crate) async fn store(&self) -> Rows {
        Rows::open(&self.database()).await
    }
}

/// Returns settings with short times.
pub(crate) fn config() -> JobsConfig {
    JobsConfig {
        preset: "a preset".into(),
        networks: 1,
        queue_limit: 1_000,
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        max_attempts: 3,
        step_timeout: Duration::from_mins(5),
        keep_images: Duration::from_hours(24),
        keep_rows: Duration::from_hours(48),
        face_timeout: Duration::from_secs(10),
        sign_webhooks: true,
        parameters_in_files: false,
        key_limits: KeyLimits::default(),
    }
}

/// Returns ports of fakes with the machine's clock.
pub(crate) fn ports(images: Arc<dyn ImageStore>) -> Ports {
    Ports {
        node: NodeProfile::default(),
        faces: Arc::new(FakeFaceReader::default().with("http://faces.example/a.jpg", b"face")),
        images,
        bucket: None,
        key_buckets: KeyBuckets {
            opener: Arc::new(FakeBuckets::default()),
            patience: Duration::from_millis(50),
        },
        webhooks: Arc::new(FakeReceiver::default()),
        encoder: Arc::new(|image, _| Ok(image.pixels.pixels().to_vec())),
        provenance: Provenance {
            generator: "a test".into(),
            parameters: None,
        },
        upload_encoder: Arc::new(|image| Ok(image.pixels().iter().map(|level| !level).collect())),
        master_key: MasterKey::from_bytes([7; 32]),
        webhook_body: Arc::new(|job, _| {
            format!("{{\"id\":{},\"state\":\"{}\"}}", job.id, job.state)
        }),
        clock: Arc::new(facegen_core::SystemClock),
        observer: Arc::new(|_, _| {}),
    }
}

/// Returns an engine that makes one image at a time.
pub(crate) fn engine(control: &FakeControl) -> Arc<EngineHandle> {
    let control = control.clone();
    let load = move || -> Result<Box<dyn facegen_core::Backend>, facegen_executor::LoadError> {
        Ok(Box::new(FakeBackend::new(&control, 1)))
    };
    Arc::new(EngineHandle::spawn("engine-test", load).unwrap())
}

pub(crate) fn submission(key: KeyId, request: GenerationRequest) -> Submission {
    Submission {
        key,
        request,
        face: inline(),
        base_url: "http://localhost:8080".into(),
        idempotency: None,
    }
}

pub(crate) async fn new_key(service: &JobService) -> KeyId {
    let text = Secret::new("the key of the environment".to_owned());
    service
        .keys()
        .ensure_environment_key(&text)
        .await
        .unwrap()
        .id
}

/// Returns the first image of a job.
pub(crate) fn first_file(job: &Job) -> FileName {
    FileName {
        prefix: job.file_prefix.clone(),
        index: 0,
        kind: FileKind::Png,
    }
}

/// Waits for the end of a job, which must come.
pub(crate) async fn end_of(service: &JobService, id: JobId) -> Job {
    let job = service.wait(id, TIMEOUT).await.unwrap();
    assert!(job.state.is_final(), "job {id} is {}", job.state);
    job
}

impl JobService {
    /// Wakes the deliveries, which a clock that was moved does not do.
    pub(crate) fn wake_deliveries(&self) {
        for kind in [DeliveryKind::Webhook, DeliveryKind::Upload] {
            self.context.storage.publish(Event::DeliveryDue(kind));
        }
    }
}

/// Counts or reads rows.
pub(crate) async fn count(rows: &Rows, what: Count) -> i64 {
    rows.count(what).await
}

/// A receiver of webhooks that returns its configured answers, and then
/// success.
#[derive(Debug, Clone)]
pub(crate) struct FakeReceiver {
    answers: Arc<Mutex<VecDeque<WebhookOutcome>>>,
    messages: watch::Sender<Vec<WebhookMessage>>,
    open: watch::Sender<bool>,
    /// The prefix of the hosts of receivers that do not answer.
    silent: &'static str,
}

impl Default for FakeReceiver {
    fn default() -> Self {
        Self {
            answers: Arc::default(),
            messages: watch::Sender::default(),
            open: watch::Sender::new(true),
            silent: "silent",
        }
    }
}

impl FakeReceiver {
    pub(crate) fn answer(&self, outcomes: impl IntoIterator<Item = WebhookOutcome>) {
        self.answers.lock().unwrap().extend(outcomes);
    }

    /// Makes senders wait for their answers, or stops that.
    pub(crate) fn hold(&self, hold: bool) {
        self.open.send_replace(!hold);
    }

    /// Waits for so many messages, and returns all.
    pub(crate) async fn messages(&self, count: usize) -> Vec<WebhookMessage> {
        let mut messages = self.messages.subscribe();
        let enough = messages.wait_for(|messages| messages.len() >= count);
        let enough = tokio::time::timeout(TIMEOUT, enough).await;
        enough.expect("the messages come").unwrap().clone()
    }
}

#[async_trait]
impl WebhookSender for FakeReceiver {
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome {
        self.messages.send_modify(|all| all.push(message.clone()));
        if message.url.host().starts_with(self.silent) {
            std::future::pending::<()>().await;
        }
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or(WebhookOutcome::Delivered)
    }
}
