//! A server without a port, whose images go to buckets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use facegen_api::{
    ApiConfig, ApiSettings, ApiState, Capabilities, Readiness, SafetyChecking, router,
};
use facegen_core::fake::{
    AnyUrl, FakeBackend, FakeControl, FakeFaceReader, FakeServer, ManualClock,
};
use facegen_core::redact::SafeUrl;
use facegen_core::{Current, KeyRole, RequestLimits};
use facegen_executor::EngineHandle;
use facegen_jobs::{Bucket, JobService, KeyBuckets, Ports, Running};
use facegen_outbound::{Guard, GuardedBuckets, Networks, S3Settings};
use facegen_testkit::{jobs_config, stores};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::seaweed::store;

const FACE_URL: &str = "https://photos.example/face.jpg";

/// How long the bucket may take for an image; far less than the timeout of its
/// client.
pub(crate) const BUCKET_PATIENCE: Duration = Duration::from_millis(700);

/// How long a test waits for what must happen anyway.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Server {
    router: Router,
    jobs: JobService,
    keys: Vec<String>,
    clock: ManualClock,
    prefixes: Mutex<Vec<String>>,
    running: Running,
    directory: TempDir,
}

impl Server {
    /// Starts a server whose images go to the bucket of `settings`.
    pub(crate) async fn start(settings: S3Settings) -> Self {
        Self::open(Some(settings), Networks::any()).await
    }

    /// Starts a server without a bucket, whose keys may configure some in `networks`.
    pub(crate) async fn without_bucket(networks: Networks) -> Self {
        Self::open(None, networks).await
    }

    /// Starts a server with both.
    pub(crate) async fn open(settings: Option<S3Settings>, networks: Networks) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::on(directory, settings, networks, Vec::new()).await
    }

    /// Restarts the server on the same data; its keys may have buckets in
    /// `networks`.
    pub(crate) async fn restart(self, networks: Networks) -> Self {
        let Self {
            router,
            jobs,
            keys,
            running,
            directory,
            ..
        } = self;
        running.shutdown(Duration::ZERO).await;
        jobs.close().await;
        // They hold the lock.
        drop((router, jobs));
        Self::on(directory, None, networks, keys).await
    }

    async fn on(
        directory: TempDir,
        settings: Option<S3Settings>,
        networks: Networks,
        mut keys: Vec<String>,
    ) -> Self {
        let clock = ManualClock::new();
        let jobs = JobService::open(
            jobs_config(),
            ports(&clock, settings, networks),
            stores(directory.path()).await.unwrap(),
        );
        let jobs = jobs.await.unwrap();
        let running = jobs.start();
        let load = || Ok(Box::new(FakeBackend::new(&FakeControl::new(), 1)) as Box<_>);
        running.attach(Arc::new(EngineHandle::spawn("fake", load).unwrap()));
        for name in ["first", "second"] {
            if keys.len() < 2 {
                let (_, key) = jobs.keys().create(name, KeyRole::Plain).await.unwrap();
                keys.push(key.expose().clone());
            }
        }
        let router = router(ApiState {
            jobs: jobs.clone(),
            page_tokens: Arc::default(),
            settings: Current::new(ApiSettings {
                config: ApiConfig {
                    sync_wait: TIMEOUT,
                    ..ApiConfig::default()
                },
                capabilities: Capabilities {
                    preset: "tiny".to_owned(),
                    safety_checking: SafetyChecking::Absent,
                    styles: Vec::new(),
                    limits: RequestLimits::default(),
                    notice: None,
                    dtype: "f32",
                },
            }),
            readiness: Arc::new(|| Readiness::Ready),
            metrics: Arc::new(String::new),
            control: Arc::new(FakeServer::default()),
            urls: Arc::new(AnyUrl),
            clock: Arc::new(clock.clone()),
        });
        Self {
            router,
            jobs,
            keys,
            clock,
            prefixes: Mutex::default(),
            running,
            directory,
        }
    }

    /// Requests an image with the first key. It comes long before the bucket's
    /// client times out.
    pub(crate) async fn make_gen(&self) -> Value {
        self.make_gen_as(0).await
    }

    /// Requests an image with one of the keys.
    pub(crate) async fn make_gen_as(&self, key: usize) -> Value {
        let request = json!({
            "key": self.keys[key], "prompt": "a person", "face_image": FACE_URL,
            "width": 64, "height": 64,
        });
        let answer = self.post("/api/v1/enterprise/face_gen/make_gen", &request);
        let (status, answer) = timeout(TIMEOUT / 2, answer).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let prefix = answer["meta"]["file_prefix"].as_str().unwrap();
        self.prefixes.lock().unwrap().push(prefix.to_owned());
        answer
    }

    /// Configures a bucket with one of the keys.
    pub(crate) async fn update_s3(&self, key: usize, details: &Value) -> (u16, Value) {
        let mut body = details.clone();
        body["key"] = self.keys[key].as_str().into();
        self.post("/api/v1/enterprise/update_s3", &body).await
    }

    /// Removes the bucket of one of the keys.
    pub(crate) async fn reset_s3(&self, key: usize) {
        let body = json!({"key": self.keys[key]});
        let (status, answer) = self.post("/api/v1/enterprise/reset_s3", &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["message"], "S3 details reset successfully");
    }

    /// Fetches a job of the first key, advancing the clock, until its links
    /// begin with `base`.
    pub(crate) async fn fetch_from_bucket(&self, id: &Value, base: &str) -> Value {
        let path = format!("/api/v1/enterprise/face_gen/fetch/{id}");
        let fetch = async {
            loop {
                self.clock.advance(Duration::from_secs(1));
                let (_, answer) = self.post(&path, &json!({"key": self.keys[0]})).await;
                let link = answer["output"][0].as_str().unwrap();
                if link.starts_with(base) {
                    return answer;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(TIMEOUT, fetch).await.expect("it is uploaded")
    }

    /// Reads the image at a link, of this server or of a bucket.
    pub(crate) async fn read(&self, link: &str) -> Vec<u8> {
        let Some(path) = link.strip_prefix("http://faces.test") else {
            let guard = Guard::new(Networks::any()).unwrap();
            return guard
                .get(&SafeUrl::from(link), 1_000_000, TIMEOUT)
                .await
                .unwrap();
        };
        let request = Request::get(path).header("host", "faces.test");
        let (status, bytes) = self.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, 200, "{link}");
        bytes
    }

    /// Returns the names that no log may contain.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        self.prefixes.lock().unwrap().clone()
    }

    /// Advances the clock.
    pub(crate) fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::post(path).header("host", "faces.test");
        let body = request.body(Body::from(body.to_string())).unwrap();
        let (status, bytes) = self.send(body).await;
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn send(&self, request: Request<Body>) -> (u16, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap();
        (status, body.to_bytes().to_vec())
    }
}

fn ports(clock: &ManualClock, settings: Option<S3Settings>, networks: Networks) -> Ports {
    Ports {
        faces: Arc::new(FakeFaceReader::default().with(FACE_URL, b"a photo")),
        bucket: settings.map(|settings| Bucket {
            link_base: settings.public_url.clone(),
            store: Arc::new(store(settings)),
            patience: BUCKET_PATIENCE,
        }),
        key_buckets: KeyBuckets {
            opener: Arc::new(GuardedBuckets::new(Guard::new(networks).unwrap())),
            patience: BUCKET_PATIENCE,
        },
        encoder: Arc::new(|image, provenance| {
            let png = facegen_image::encode_generated(&image.pixels, provenance)
                .map_err(|error| error.to_string())?;
            // The bytes after its end make it as long as images of people, so
            // that a slow bucket takes its time.
            Ok([png, image.pixels.pixels().to_vec()].concat())
        }),
        webhook_body: Arc::new(|_, _| String::new()),
        ..facegen_testkit::ports(Arc::new(clock.clone()))
    }
}
