//! Requests that schemathesis generates from the description of the API; every
//! answer must be one that it describes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use tokio::net::TcpListener;

use crate::families::UPLOADS;
use crate::server::{Builder, FACE_BASE64, FACE_URL, FETCH, MAKE_GEN, TestServer};

/// Where `cargo xtask test` installs it, next to the directory of temporary files.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../tools/python");

/// Hooks that give most requests a key and an id that exist.
const HOOKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/python/schemathesis_hooks.py"
);

/// The checks of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance";

/// The least number of requests.
const CALLS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_matches_the_description() {
    let mut builder = Builder::new().with_config(|config| config.sync_wait = Duration::ZERO);
    builder.queue_limit = 100_000;
    let server = Arc::new(builder.start().await);
    let (answers, router) = counted(&server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let asked = Arc::clone(&server);
    let run = move || schemathesis(&format!("http://{address}/openapi.json"), &asked);
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    serving.abort();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    let answers = answers.lock().unwrap();
    let calls: usize = answers.values().sum();
    assert!(calls >= CALLS, "{calls} calls: {report}");
    // Some requests passed the checks of keys and ids.
    let of_jobs = [
        MAKE_GEN,
        FETCH,
        &format!("{FETCH}/"),
        "/v1/jobs/",
        "/v1/faces",
    ];
    for path in of_jobs.into_iter().chain(UPLOADS) {
        let is_there = |(place, status): &(String, u16)| place.starts_with(path) && *status == 200;
        assert!(answers.keys().any(is_there), "{path}: {answers:?}");
    }
}

/// How often each path was answered with each status.
type Answers = Arc<Mutex<BTreeMap<(String, u16), usize>>>;

/// Returns the router of the server, with its answers counted.
fn counted(server: &TestServer) -> (Answers, Router) {
    let answers = Answers::default();
    let counted = Arc::clone(&answers);
    let count = from_fn(move |request: Request, next: Next| {
        let (counted, path) = (Arc::clone(&counted), request.uri().path().to_owned());
        async move {
            let response = next.run(request).await;
            let place = (path, response.status().as_u16());
            *counted.lock().unwrap().entry(place).or_default() += 1;
            response
        }
    });
    (answers, server.router.clone().layer(count))
}

fn schemathesis(description: &str, server: &TestServer) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let program = Path::new(PACKAGES).join("bin/schemathesis");
    assert!(
        program.is_file(),
        "schemathesis is not there: run `cargo xtask test --only python`"
    );
    Command::new("python3")
        .arg(program)
        .args(["run", description, "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "60", "--seed", "1", "--no-shrink"])
        .args(["--suppress-health-check", "all", "--warnings", "off"])
        .args(["--request-timeout", "30", "--continue-on-failure"])
        .arg("--header")
        .arg(format!("key: {}", server.admin_key))
        .env("PYTHONPATH", PACKAGES)
        .env("SCHEMATHESIS_HOOKS", HOOKS)
        .env("TEST_KEY", &server.admin_key)
        .env("TEST_FACE", FACE_URL)
        .env("TEST_IMAGE", FACE_BASE64)
        // Its examples of earlier runs would change this one.
        .current_dir(directory.path())
        .output()
        .unwrap()
}
