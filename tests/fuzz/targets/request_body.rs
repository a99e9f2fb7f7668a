//! The body of a request for pictures, through the whole router.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use facegen_api::{
    ApiConfig, ApiState, Capabilities, Readiness, SafetyChecking, router, webhook_body,
};
use facegen_core::fake::{FakeFaceReader, ManualClock, MemoryStore};
use facegen_core::request::Style;
use facegen_core::{WebhookMessage, WebhookOutcome, WebhookSender};
use facegen_jobs::{JobService, JobsConfig, KeyLimits, KeyRole, MasterKey, Ports};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const PATH: &str = "/api/v1/enterprise/face_gen/make_gen";

/// A server whose queue is full after one job: the fuzzer is after what is
/// read, not after what is made of it.
struct Server {
    runtime: Runtime,
    router: Router,
    key: String,
    _folder: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (router, key) = runtime.block_on(start(&folder));
    Server {
        runtime,
        router,
        key,
        _folder: folder,
    }
});

fuzz_target!(|body: &[u8]| {
    let server = &*SERVER;
    let request = Request::post(PATH)
        .header("host", "faces.test")
        .header("key", &server.key)
        // What begins like JSON is read as JSON nevertheless.
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap();
    server.runtime.block_on(async {
        let response = server.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert!(matches!(status, 200 | 400 | 401 | 429), "{status}");
        response.into_body().collect().await.unwrap();
    });
});

async fn start(folder: &TempDir) -> (Router, String) {
    let clock = Arc::new(ManualClock::new());
    let capabilities = Capabilities {
        safety_checking: SafetyChecking::OnRequest,
        styles: vec![Style::Realistic],
    };
    let offered = capabilities.clone();
    let ports = Ports {
        faces: Arc::new(FakeFaceReader::default()),
        images: Arc::new(MemoryStore::new(clock.clone())),
        bucket: None,
        webhooks: Arc::new(NoWebhooks),
        encoder: Arc::new(|_| Ok(Vec::new())),
        master_key: MasterKey::from_bytes([7; 32]),
        webhook_body: Arc::new(move |job| webhook_body(job, None, &offered)),
        clock: clock.clone(),
        observer: Arc::new(|_, _| {}),
    };
    let config = JobsConfig {
        database: folder.path().join("jobs.sqlite"),
        queue_limit: 1,
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        max_attempts: 3,
        step_timeout: Duration::from_mins(5),
        keep_pictures: Duration::from_hours(24),
        keep_rows: Duration::from_hours(24),
        sign_webhooks: true,
        key_limits: KeyLimits::default(),
    };
    let jobs = JobService::open(config, ports).await.unwrap();
    let (_, key) = jobs.keys().create("fuzz", KeyRole::Plain).await.unwrap();
    let router = router(ApiState {
        jobs,
        config: ApiConfig {
            sync_wait: Duration::ZERO,
            ..ApiConfig::default()
        },
        capabilities,
        readiness: Arc::new(|| Readiness::Ready),
        metrics: Arc::new(String::new),
        clock,
    });
    (router, key.expose().clone())
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
