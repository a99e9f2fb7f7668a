//! The server that the fuzzer tests. The tests of the router use it as well, so
//! that it is built with every change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use facegen_api::{
    ApiConfig, ApiSettings, ApiState, Capabilities, Readiness, SafetyChecking, router,
};
use facegen_core::fake::{FakeServer, ManualClock};
use facegen_core::{Current, KeyRole};
use facegen_jobs::{JobService, JobsConfig};
use facegen_outbound::{Guard, Networks};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const PATH: &str = "/api/v1/enterprise/face_gen/make_gen";

/// A server without an engine, whose queue is full after one job: the fuzzer
/// tests the parsing of requests, not the generation.
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

    /// Returns the status of the response to this body.
    pub(crate) fn ask(&self, body: &[u8]) -> u16 {
        let request = Request::post(PATH)
            .header("host", "faces.test")
            .header("key", &self.key)
            // A body that begins like JSON is read as JSON nevertheless.
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
        ..facegen_testkit::capabilities()
    };
    let config = JobsConfig {
        queue_limit: 1,
        ..facegen_testkit::jobs_config()
    };
    let ports = facegen_testkit::ports(Arc::clone(&clock) as _);
    let jobs = JobService::open(
        config,
        ports,
        facegen_testkit::stores(directory).await.unwrap(),
    );
    let jobs = jobs.await.unwrap();
    let (_, key) = jobs.keys().create("fuzz", KeyRole::Plain).await.unwrap();
    let config = ApiConfig {
        sync_wait: Duration::ZERO,
        ..ApiConfig::default()
    };
    let router = router(ApiState {
        jobs,
        page_tokens: Arc::default(),
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
