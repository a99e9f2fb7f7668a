//! The description of the API, held against the server by schemathesis: calls
//! are made up from it, and every answer has to be one that it foresees.

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

/// Where `cargo xtask test` installs it, beside the directory of temporary files.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../tools/python");

/// What makes most calls such that they get past the doors.
const HOOKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/python/schemathesis_hooks.py"
);

/// What every answer is held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance";

/// How many calls there are at least.
const CALLS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_description_foresees() {
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
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let answers = answers.lock().unwrap();
    let calls: usize = answers.values().sum();
    assert!(calls >= CALLS, "{calls} calls: {told}");
    // It got as far as to what is behind the checks.
    let of_jobs = [MAKE_GEN, FETCH, &format!("{FETCH}/"), "/v1/jobs/"];
    for path in of_jobs.into_iter().chain(UPLOADS) {
        let is_there = |(place, status): &(String, u16)| place.starts_with(path) && *status == 200;
        assert!(answers.keys().any(is_there), "{path}: {answers:?}");
    }
}

/// How often each path was answered with each status.
type Answers = Arc<Mutex<BTreeMap<(String, u16), usize>>>;

/// The router of the server, its answers counted.
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
        // What it remembers of earlier runs would change this one.
        .current_dir(directory.path())
        .output()
        .unwrap()
}
