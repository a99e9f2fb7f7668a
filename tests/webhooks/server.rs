//! The service that sends.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::fake::{FakeBackend, FakeControl, ManualClock};
use facegen_core::redact::FaceImage;
use facegen_core::{Clock, GenerationRequest};
use facegen_core::{
    FaceSource, JobState, RawGenerationRequest, RequestLimits, Timestamp, WebhookMessage,
    WebhookOutcome, WebhookSender,
};
use facegen_core::{KeyId, KeyRole};
use facegen_executor::EngineHandle;
use facegen_jobs::{JobService, Ports, Running, Submission};
use facegen_outbound::guard::NameResolver;
use facegen_outbound::{Guard, HttpWebhooks, Networks};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::receiver::PLACE;

/// How long a test waits for what must happen anyway.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// One attempt to deliver.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The same for every attempt at a delivery.
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) at: Timestamp,
    pub(crate) outcome: WebhookOutcome,
}

/// A running service, which can be stopped and started again.
pub(crate) struct Server {
    pub(crate) clock: ManualClock,
    jobs: JobService,
    running: Running,
    sender: Watched,
    directory: TempDir,
}

impl Server {
    /// Starts a service that gives receivers so long to answer.
    pub(crate) async fn start(deadline: Duration) -> Self {
        let clock = ManualClock::new();
        let sender = Watched {
            inner: HttpWebhooks::new(guard(), Arc::new(clock.clone()), deadline),
            clock: clock.clone(),
            attempts: watch::Sender::default(),
        };
        let directory = tempfile::tempdir().unwrap();
        let (jobs, running) = open(&directory, &clock, &sender).await;
        Self {
            clock,
            jobs,
            running,
            sender,
            directory,
        }
    }

    /// Stops and starts the service.
    pub(crate) async fn restart(self) -> Self {
        self.running.shutdown(TIMEOUT).await;
        self.jobs.close().await;
        drop(self.jobs);
        let (jobs, running) = open(&self.directory, &self.clock, &self.sender).await;
        Self {
            jobs,
            running,
            ..self
        }
    }

    pub(crate) async fn new_key(&self, name: &str) -> KeyId {
        let created = self.jobs.keys().create(name, KeyRole::Plain).await;
        created.unwrap().0.id
    }

    /// Makes an image with a webhook to `receiver`.
    pub(crate) async fn make(&self, key: KeyId, receiver: &str) {
        let submission = Submission {
            key,
            request: request(receiver),
            face: FaceSource::Inline(FaceImage::from(b"face".to_vec())),
            base_url: "http://faces.test".to_owned(),
            idempotency: None,
        };
        let job = self.jobs.submit(submission).await.unwrap();
        let job = self.jobs.wait(job.id, TIMEOUT).await.unwrap();
        assert_eq!(job.state, JobState::Succeeded);
    }

    /// Returns the attempts at deliveries to `receiver` so far.
    pub(crate) fn attempts(&self, receiver: &str) -> Vec<Attempt> {
        of(&self.sender.attempts.borrow(), receiver)
    }

    /// Waits for so many attempts, and returns them.
    pub(crate) async fn wait_for(&self, receiver: &str, count: usize) -> Vec<Attempt> {
        let mut attempts = self.sender.attempts.subscribe();
        let enough = attempts.wait_for(|all| of(all, receiver).len() >= count);
        let enough = timeout(TIMEOUT, enough).await;
        let enough = enough.unwrap_or_else(|_| panic!("attempt {count} at {receiver} comes"));
        of(&enough.unwrap(), receiver)
    }
}

fn of(attempts: &[Attempt], receiver: &str) -> Vec<Attempt> {
    let of_receiver = attempts.iter().filter(|attempt| attempt.url == receiver);
    of_receiver.cloned().collect()
}

async fn open(directory: &TempDir, clock: &ManualClock, sender: &Watched) -> (JobService, Running) {
    let ports = Ports {
        webhooks: Arc::new(sender.clone()),
        webhook_body: Arc::new(|job, _| format!("{{\"id\":{}}}", job.id)),
        ..facegen_testkit::ports(Arc::new(clock.clone()))
    };
    let stores = facegen_testkit::stores(directory.path()).await.unwrap();
    let jobs = JobService::open(facegen_testkit::jobs_config(), ports, stores);
    let jobs = jobs.await.unwrap();
    let running = jobs.start();
    let load = || Ok(Box::new(FakeBackend::new(&FakeControl::new(), 1)) as Box<_>);
    running.attach(Arc::new(EngineHandle::spawn("fake", load).unwrap()));
    (jobs, running)
}

fn request(receiver: &str) -> GenerationRequest {
    let raw = RawGenerationRequest {
        prompt: "a person".into(),
        width: 64_i64.into(),
        height: 64_i64.into(),
        webhook: receiver.into(),
        ..RawGenerationRequest::default()
    };
    raw.parse(&RequestLimits::default())
        .unwrap()
        .resolve_seed(|| 7)
}

/// Returns a guard that permits the receivers and resolves no name.
fn guard() -> Guard {
    let networks = Networks::public_and(vec![IpAddr::from(PLACE).into()]);
    Guard::with_resolver(networks, Arc::new(NoNames)).unwrap()
}

#[derive(Debug)]
struct NoNames;

#[async_trait]
impl NameResolver for NoNames {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no such name"))
    }
}

/// Sends as the server does, and records the outcomes.
#[derive(Debug, Clone)]
struct Watched {
    inner: HttpWebhooks,
    clock: ManualClock,
    attempts: watch::Sender<Vec<Attempt>>,
}

#[async_trait]
impl WebhookSender for Watched {
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome {
        let outcome = self.inner.send(message).await;
        let attempt = Attempt {
            id: message.id.clone(),
            url: message.url.expose().to_owned(),
            at: self.clock.now(),
            outcome: outcome.clone(),
        };
        self.attempts.send_modify(|attempts| attempts.push(attempt));
        outcome
    }
}
