//! The description of the API, held against the server by schemathesis: calls
//! are made up from it, and every answer has to be one that it foresees.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use tokio::net::TcpListener;

use crate::server::Builder;

/// Where `cargo xtask test` installs it, beside the folder of temporary files.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../tools/python");

/// What every answer is held to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance";

/// How many calls there are at least.
const CALLS: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_description_foresees() {
    let mut builder = Builder::new().with_config(|config| config.sync_wait = Duration::ZERO);
    builder.queue_limit = 100_000;
    let server = builder.start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = from_fn(move |request: Request, next: Next| {
        counted.fetch_add(1, Ordering::Relaxed);
        next.run(request)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = server.router.clone().layer(count);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let key = server.key.clone();
    let run = move || schemathesis(&format!("http://{address}/openapi.json"), &key);
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    serving.abort();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls >= CALLS, "{calls} calls: {told}");
}

fn schemathesis(description: &str, key: &str) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
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
        .arg(format!("key: {key}"))
        .env("PYTHONPATH", PACKAGES)
        // What it remembers of earlier runs would change this one.
        .current_dir(folder.path())
        .output()
        .unwrap()
}
