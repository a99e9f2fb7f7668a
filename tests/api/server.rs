//! The server under test.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use facegen_api::{
    ApiConfig, ApiSettings, ApiState, Capabilities, MetricsRenderer, Readiness, ReadinessProbe,
    SafetyChecking, router, webhook_body,
};
use facegen_core::fake::{
    AnyUrl, FakeBackend, FakeBuckets, FakeControl, FakeFaceReader, FakeServer, ManualClock,
};
use facegen_core::request::Style;
use facegen_core::{
    Current, FaceReader, RequestLimits, UrlChecker, WebhookMessage, WebhookOutcome, WebhookSender,
};
use facegen_core::{JobId, KeyId, KeyLimits, KeyRole};
use facegen_executor::EngineHandle;
use facegen_jobs::{JobService, JobsConfig, KeyBuckets, PageTokens, Ports, Running};
use facegen_testkit::{jobs_config, stores};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::answer::Answer;
use crate::captured_log::{capture_log, log};

/// The URL of the photo of the tests.
pub(crate) const FACE_URL: &str = "https://photos.example/face.jpg?signature=7b1f9c";

/// The photo as base64 of a text that no log may contain.
pub(crate) const FACE_BASE64: &str = "dGhlIGZhY2Ugb2YgYSBwcml2YXRlIHBlcnNvbg==";

/// The prompt of the tests, which no log may contain.
pub(crate) const PROMPT: &str = "a portrait of Zenobia Quartermain";

pub(crate) const MAKE_GEN: &str = "/api/v1/enterprise/face_gen/make_gen";
pub(crate) const HEAD_SHOT: &str = "/api/v1/enterprise/image_editing/head_shot";
/// Two of the routes that make images, for tables of requests.
pub(crate) const GENERATIONS: [&str; 2] = [MAKE_GEN, HEAD_SHOT];
pub(crate) const FETCH: &str = "/api/v1/enterprise/face_gen/fetch";

/// How long a test waits for what must happen anyway.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// The metrics of all tests of this program.
static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

/// A server before it starts.
pub(crate) struct Builder {
    pub(crate) config: ApiConfig,
    pub(crate) capabilities: Capabilities,
    pub(crate) readiness: ReadinessProbe,
    pub(crate) metrics: MetricsRenderer,
    pub(crate) control: FakeControl,
    pub(crate) queue_limit: u32,
    pub(crate) key_limits: KeyLimits,
    pub(crate) keep_images: Duration,
    pub(crate) faces: Arc<dyn FaceReader>,
    pub(crate) urls: Arc<dyn UrlChecker>,
    pub(crate) buckets: FakeBuckets,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            config: ApiConfig {
                sync_wait: Duration::from_secs(60),
                ..ApiConfig::default()
            },
            capabilities: Capabilities {
                preset: "tiny".to_owned(),
                safety_checking: SafetyChecking::OnRequest,
                styles: vec![Style::Realistic, Style::Anime],
                limits: RequestLimits::default(),
                notice: Some("the images are drawn".to_owned()),
                dtype: "f32",
            },
            readiness: Arc::new(|| Readiness::Ready),
            metrics: Arc::new(|| METRICS.render()),
            control: FakeControl::new(),
            queue_limit: 100,
            key_limits: KeyLimits::default(),
            keep_images: Duration::from_hours(24),
            faces: Arc::new(FakeFaceReader::default().with(FACE_URL, b"a photo")),
            urls: Arc::new(AnyUrl),
            buckets: FakeBuckets::default(),
        }
    }

    /// Applies `change` to the config.
    pub(crate) fn with_config(mut self, change: impl FnOnce(&mut ApiConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Uses a backend that does nothing until its gate is opened, and answers
    /// without waiting for it.
    pub(crate) fn closed(mut self) -> Self {
        self.control.close();
        self.config.sync_wait = Duration::ZERO;
        self
    }

    pub(crate) async fn start(self) -> TestServer {
        capture_log("trace");
        LazyLock::force(&METRICS);
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let (webhooks, delivered) = mpsc::channel(16);
        let ports = self.ports(&clock, webhooks);
        let jobs = JobService::open(
            self.jobs_config(),
            ports,
            stores(directory.path()).await.unwrap(),
        );
        let jobs = jobs.await.unwrap();
        let running = jobs.start();
        let control = self.control.clone();
        running.attach(Arc::new(engine(&control)));
        let (id, key) = new_key(&jobs, "first", KeyRole::Plain).await;
        let (_, other_key) = new_key(&jobs, "second", KeyRole::Plain).await;
        let (_, admin_key) = new_key(&jobs, "third", KeyRole::Admin).await;
        let control_calls = Arc::new(FakeServer::default());
        let page_tokens = Arc::new(PageTokens::default());
        let settings = Current::new(ApiSettings {
            config: self.config,
            capabilities: self.capabilities,
        });
        let router = router(ApiState {
            jobs: jobs.clone(),
            page_tokens: Arc::clone(&page_tokens),
            settings: settings.clone(),
            readiness: self.readiness,
            metrics: self.metrics,
            control: Arc::clone(&control_calls) as _,
            urls: self.urls,
            clock: Arc::new(clock.clone()),
        });
        TestServer {
            router,
            jobs,
            key_id: id,
            key,
            other_key,
            admin_key,
            control_calls,
            page_tokens,
            settings,
            control,
            clock,
            delivered: tokio::sync::Mutex::new(delivered),
            secrets: Mutex::default(),
            running: Some(running),
            directory,
        }
    }

    fn jobs_config(&self) -> JobsConfig {
        JobsConfig {
            queue_limit: self.queue_limit,
            keep_images: self.keep_images,
            key_limits: self.key_limits,
            ..jobs_config()
        }
    }

    fn ports(&self, clock: &ManualClock, webhooks: mpsc::Sender<WebhookMessage>) -> Ports {
        let capabilities = self.capabilities.clone();
        let public_url = self.config.public_url.clone();
        Ports {
            faces: Arc::clone(&self.faces),
            key_buckets: KeyBuckets {
                opener: Arc::new(self.buckets.clone()),
                patience: TIMEOUT,
            },
            webhooks: Arc::new(WebhookRecorder(webhooks)),
            encoder: Arc::new(|image, _| {
                let pixels = &image.pixels;
                Ok(format!("{}x{}", pixels.width(), pixels.height()).into_bytes())
            }),
            upload_encoder: Arc::new(|image| {
                let (width, height) = (image.width(), image.height());
                Ok(format!("{width}x{height}").into_bytes())
            }),
            webhook_body: Arc::new(move |job, now| {
                webhook_body(job, now, public_url.as_deref(), &capabilities)
            }),
            ..facegen_testkit::ports(Arc::new(clock.clone()))
        }
    }
}

fn engine(control: &FakeControl) -> EngineHandle {
    let control = control.clone();
    EngineHandle::spawn("fake", move || Ok(Box::new(FakeBackend::new(&control, 1)))).unwrap()
}

async fn new_key(jobs: &JobService, name: &str, role: KeyRole) -> (KeyId, String) {
    let (key, text) = jobs.keys().create(name, role).await.unwrap();
    (key.id, text.expose().clone())
}

/// A running server. When it is dropped, its log is searched for secrets.
pub(crate) struct TestServer {
    pub(crate) router: Router,
    pub(crate) jobs: JobService,
    pub(crate) key_id: KeyId,
    pub(crate) key: String,
    pub(crate) other_key: String,
    pub(crate) admin_key: String,
    /// The commands that the server was given.
    pub(crate) control_calls: Arc<FakeServer>,
    pub(crate) page_tokens: Arc<PageTokens>,
    pub(crate) settings: Current<ApiSettings>,
    pub(crate) control: FakeControl,
    pub(crate) clock: ManualClock,
    delivered: tokio::sync::Mutex<mpsc::Receiver<WebhookMessage>>,
    secrets: Mutex<Vec<String>>,
    running: Option<Running>,
    directory: TempDir,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Builder::new().start().await
    }

    /// Returns the smallest request for an image.
    pub(crate) fn request(&self) -> Value {
        json!({
            "key": self.key, "prompt": PROMPT, "face_image": FACE_URL,
            "width": 64, "height": 64, "seed": 1234,
        })
    }

    /// Returns the details of a bucket of the first key.
    pub(crate) fn bucket(&self) -> Value {
        json!({
            "key": self.key,
            "deploy_type": "face_gen",
            "public_url": "https://cdn.example/generations/",
            "region_name": "us-east-1",
            "endpoint_url": "https://storage.example",
            "aws_access_key_id": "AKIA1",
            "aws_secret_access_key": "hunter2",
            "image_directory": "generations",
        })
    }

    /// Returns the smallest request with these fields in addition.
    pub(crate) fn request_with(&self, fields: &Value) -> Value {
        let mut request = self.request();
        for (name, value) in fields.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    }

    pub(crate) async fn make_gen(&self, fields: &Value) -> Answer {
        self.post(MAKE_GEN, &self.request_with(fields)).await
    }

    /// Fetches a job with the first key.
    pub(crate) async fn fetch(&self, id: &Value) -> Answer {
        let path = format!("{FETCH}/{id}");
        self.post(&path, &json!({"key": self.key})).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string().into_bytes()).await
    }

    pub(crate) async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(request(Method::POST, path, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, "")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::read(response).await;
        self.note_prefix(&answer);
        answer
    }

    /// Sends a request with `key` in a header.
    pub(crate) async fn call(&self, method: Method, path: &str, key: &str) -> Answer {
        self.send(with_key(method, path, key)).await
    }

    /// Returns the file of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("jobs.sqlite")
    }

    /// Waits until the server is not ready, and returns its `/readyz`.
    pub(crate) async fn not_ready(&self) -> Value {
        let asking = async {
            loop {
                let answer = self.get("/readyz").await;
                if answer.status == 503 {
                    return serde_json::from_slice(&answer.bytes).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, asking).await.unwrap()
    }

    /// Waits until the job has ended.
    pub(crate) async fn wait_for(&self, id: &Value) {
        let id = u32::try_from(id.as_u64().unwrap()).unwrap();
        let id = JobId::new(id).unwrap();
        let job = self.jobs.wait(id, TIMEOUT).await.unwrap();
        assert!(job.state.is_final(), "{:?}", job.state);
    }

    /// Stops at once, as on a signal without a grace period.
    pub(crate) fn stop(&mut self) -> impl Future<Output = ()> + use<> {
        self.running.take().unwrap().shutdown(Duration::ZERO)
    }

    /// Waits for the next webhook.
    pub(crate) async fn next_webhook(&self) -> (String, Value) {
        let mut delivered = self.delivered.lock().await;
        let message = tokio::time::timeout(TIMEOUT, delivered.recv()).await;
        let message = message.unwrap().unwrap();
        let body = serde_json::from_str(&message.body).unwrap();
        (message.url.expose().to_owned(), body)
    }

    fn note_prefix(&self, answer: &Answer) {
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        if let Some(prefix) = body["meta"]["file_prefix"].as_str() {
            self.secrets.lock().unwrap().push(prefix.to_owned());
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.control.open();
        drop(self.running.take());
        if std::thread::panicking() {
            return;
        }
        let log = log();
        let own = [&self.key, &self.other_key, &self.admin_key].map(String::clone);
        let common = [
            PROMPT,
            "Zenobia",
            FACE_BASE64,
            "dGhlIGZhY2",
            "7b1f9c",
            "private person",
        ];
        let common = common.map(String::from);
        let secrets = self.secrets.lock().unwrap();
        for secret in own.iter().chain(&common).chain(secrets.iter()) {
            assert!(!log.contains(secret.as_str()), "the log holds {secret}");
        }
    }
}

/// Creates a request for `path` of a server at `faces.test`.
pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "faces.test");
    request.body(body.into()).unwrap()
}

/// Creates a request without a body, with the key in a header.
pub(crate) fn with_key(method: Method, path: &str, key: &str) -> Request<Body> {
    let mut request = request(method, path, "");
    let key = key.parse().unwrap();
    request.headers_mut().insert("key", key);
    request
}

/// Records messages instead of delivering them.
#[derive(Debug)]
struct WebhookRecorder(mpsc::Sender<WebhookMessage>);

#[async_trait]
impl WebhookSender for WebhookRecorder {
    async fn send(&self, message: &WebhookMessage) -> WebhookOutcome {
        // A test that needs no webhooks has dropped its receiver.
        let _ = self.0.send(message.clone()).await;
        WebhookOutcome::Delivered
    }
}
