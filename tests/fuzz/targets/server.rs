//! The server that the fuzzer asks. The tests of the router ask it as well, so
//! that it is built with every change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use facegen_api::{
    ApiConfig, ApiSettings, ApiState, Capabilities, Readiness, SafetyChecking, router, webhook_body,
};
use facegen_core::Provenance;
use facegen_core::fake::{FakeBuckets, FakeFaceReader, FakeServer, ManualClock, MemoryStore};
use facegen_core::request::Style;
use facegen_core::store::Stores;
use facegen_core::{Current, RequestLimits, WebhookMessage, WebhookOutcome, WebhookSender};
use facegen_core::{KeyLimits, KeyRole};
use facegen_jobs::{JobService, JobsConfig, KeyBuckets, MasterKey, Ports};
use facegen_outbound::{Guard, Networks};
use facegen_store::SqliteStore;
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const PATH: &str = "/api/v1/enterprise/face_gen/make_gen";

/// A server without an engine, whose queue is full after one job: the fuzzer is
/// after what is read, not after what is made of it.
#[derive(Debug)]
pub(crate) struct Server {
    runtime: Runtime,
    router: Router,
    key: String,
    _directory: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (router, key) = runtime.block_on(start(directory.path()));
        Self {
            runtime,
            router,
            key,
            _directory: directory,
        }
    }

    /// The status of the answer to this body.
    pub(crate) fn ask(&self, body: &[u8]) -> u16 {
        let request = Request::post(PATH)
            .header("host", "faces.test")
            .header("key", &self.key)
            // What begins like JSON is read as JSON nevertheless.
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            response.into_body().collect().await.unwrap();
            status
        })
    }
}

async fn start(directory: &Path) -> (Router, String) {
    let clock = Arc::new(ManualClock::new());
    let capabilities = Capabilities {
        safety_checking: SafetyChecking::OnRequest,
        styles: vec![Style::Realistic],
        limits: RequestLimits::default(),
        notice: None,
        dtype: "f32",
    };
    let ports = ports(&clock, capabilities.clone());
    let jobs = JobService::open(jobs_config(), ports, stores(directory).await)
        .await
        .unwrap();
    let (_, key) = jobs.keys().create("fuzz", KeyRole::Plain).await.unwrap();
    let config = ApiConfig {
        sync_wait: Duration::ZERO,
        ..ApiConfig::default()
    };
    let router = router(ApiState {
        jobs,
        settings: Current::new(ApiSettings {
            config,
            capabilities,
        }),
        readiness: Arc::new(|| Readiness::Ready),
        metrics: Arc::new(String::new),
        control: Arc::new(FakeServer::default()),
        urls: Arc::new(Guard::new(Networks::default()).unwrap()),
        clock,
    });
    (router, key.expose().clone())
}

fn ports(clock: &Arc<ManualClock>, offered: Capabilities) -> Ports {
    Ports {
        faces: Arc::new(FakeFaceReader::default()),
        images: Arc::new(MemoryStore::new(Arc::clone(clock) as _)),
        bucket: None,
        key_buckets: KeyBuckets {
            opener: Arc::new(FakeBuckets::default()),
            patience: Duration::ZERO,
        },
        webhooks: Arc::new(NoWebhooks),
        encoder: Arc::new(|_, _| Ok(Vec::new())),
        provenance: Provenance {
            generator: "a test".into(),
        },
        upload_encoder: Arc::new(|_| Ok(Vec::new())),
        master_key: MasterKey::from_bytes([7; 32]),
        webhook_body: Arc::new(move |job, now| webhook_body(job, now, None, &offered)),
        clock: Arc::clone(clock) as _,
        observer: Arc::new(|_, _| {}),
    }
}

fn jobs_config() -> JobsConfig {
    JobsConfig {
        queue_limit: 1,
        key_limits: KeyLimits::default(),
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        max_attempts: 3,
        step_timeout: Duration::from_mins(5),
        keep_images: Duration::from_hours(24),
        keep_rows: Duration::from_hours(24),
        face_timeout: Duration::from_secs(10),
        sign_webhooks: true,
    }
}

/// The stores in a directory.
async fn stores(directory: &Path) -> Stores {
    let store = SqliteStore::open_exclusive(&directory.join("jobs.sqlite")).await;
    store.unwrap().into_stores()
}

/// Nothing ends here, so nothing is told.
#[derive(Debug)]
struct NoWebhooks;

#[async_trait]
impl WebhookSender for NoWebhooks {
    async fn send(&self, _: &WebhookMessage) -> WebhookOutcome {
        WebhookOutcome::Delivered
    }
}
