//! Checks that a whole run logs no secret, at the finest level.

use std::sync::Arc;
use std::time::Duration;

use facegen_core::fake::{FakeControl, FakeFaceReader, Fault};
use facegen_core::job::Job;
use facegen_core::key::{KeyId, KeyRole};
use facegen_core::redact::{FaceImage, Secret};
use facegen_core::{
    BackendError, FaceSource, GenerationRequest, JobState, RawGenerationRequest, WebhookOutcome,
};

use crate::ports::{Checkpoint, Ports};
use crate::service::{JobService, Submission};
use crate::testing::log::Log;
use crate::testing::{Harness, TIMEOUT, end_of, parse, raw};

const PHOTO: &[u8] = b"fotografia 4711";
const SECRETS: [&str; 6] = [
    "fotografia 4711",
    // The first bytes of the same as a list.
    "102, 111, 116, 111",
    "private prompt",
    "negative secret",
    "signature=4712",
    "token=4713",
];

fn secret_request(prompt: &str) -> GenerationRequest {
    parse(RawGenerationRequest {
        negative_prompt: "negative secret".into(),
        webhook: "http://receiver.example/hook?token=4713".into(),
        ..raw(prompt)
    })
}

async fn submit(service: &JobService, key: KeyId, prompt: &str, face: FaceSource) -> Job {
    let submission = Submission {
        key,
        request: secret_request(prompt),
        face,
        base_url: "http://localhost:8080".into(),
        idempotency: None,
    };
    tracing::debug!(?submission, "even this shows nothing");
    service.submit(submission).await.unwrap()
}

fn inline() -> FaceSource {
    FaceSource::Inline(FaceImage::from(PHOTO.to_vec()))
}

const FACE: &str = "http://faces.example/a.jpg?signature=4712";

fn url(text: &str) -> FaceSource {
    FaceSource::Url(text.into())
}

/// Returns a harness in which everything fails that can.
fn harness() -> (Harness, Ports) {
    let detailed = BackendError::Failed("a detail for the log".into());
    let harness = Harness::with_control(FakeControl::with_faults(move |request| {
        match request.prompt() {
            "private prompt fails" => Some(Fault::FailsAt(1, detailed.clone())),
            "private prompt panics" => Some(Fault::PanicsAt(1)),
            _ => None,
        }
    }));
    let retry = || WebhookOutcome::Retry {
        after: None,
        reason: "503".into(),
    };
    let refused = WebhookOutcome::Refused {
        reason: "410".into(),
    };
    harness.receiver.answer([retry(), refused, retry()]);
    let ports = Ports {
        faces: Arc::new(FakeFaceReader::default().with(FACE, PHOTO)),
        observer: Arc::new(|at, request| {
            let breaks = request.spec.prompt() == "private prompt breaks the task";
            assert!(
                at != Checkpoint::Finishing || !breaks,
                "{}",
                request.spec.prompt()
            );
        }),
        ..harness.ports()
    };
    (harness, ports)
}

/// Ends jobs in every way; returns their secrets.
async fn end_jobs(service: &JobService, key: KeyId) -> Vec<String> {
    let mut prefixes = Vec::new();
    for (prompt, face, state) in [
        ("private prompt", inline(), JobState::Succeeded),
        ("private prompt", url(FACE), JobState::Succeeded),
        (
            "private prompt",
            url("http://faces.example/b.jpg?signature=4712"),
            JobState::Failed,
        ),
        ("private prompt fails", inline(), JobState::Failed),
        ("private prompt panics", inline(), JobState::Failed),
        ("private prompt breaks the task", inline(), JobState::Failed),
    ] {
        let job = submit(service, key, prompt, face).await;
        prefixes.push(job.file_prefix.expose().to_owned());
        assert_eq!(end_of(service, job.id).await.state, state);
    }
    prefixes
}

/// Simulates crashes of the process over this job until it fails.
async fn die(harness: &Harness, ports: &Ports, job: &Job) {
    let store = harness.store().await;
    for crash_count in [0, 2] {
        store.die_over(job.id, crash_count).await;
        drop(harness.open_with(harness.config(), ports.clone()).await);
    }
}

/// Runs everything; returns the secrets.
async fn run() -> Vec<String> {
    let (harness, ports) = harness();
    let opened = JobService::open(harness.config(), ports.clone(), harness.stores().await).await;
    let service = opened.unwrap();
    let (key, text) = service
        .keys()
        .create("phone", KeyRole::Plain)
        .await
        .unwrap();
    service.authenticate(&text).await.unwrap();
    let environment = Secret::new("key of the environment 4714".to_owned());
    let ensured = service.keys().ensure_environment_key(&environment).await;
    ensured.unwrap();
    let running = service.start();
    running.attach(harness.engine());
    let mut secrets = end_jobs(&service, key.id).await;
    secrets.extend([text.expose().clone(), environment.expose().clone()]);
    harness.receiver.messages(6).await;

    // A shutdown that cannot write at first.
    harness.control.close();
    let ticks = harness.control.counts().ticks;
    let job = submit(&service, key.id, "private prompt", inline()).await;
    secrets.push(job.file_prefix.expose().to_owned());
    assert!(harness.control.wait_until(|counts| counts.ticks > ticks));
    harness.store().await.set_read_only(true).await;
    let shutdown = tokio::spawn(running.shutdown(Duration::ZERO));
    Log::get()
        .holds("failed to requeue job, will be retried")
        .await;
    harness.store().await.set_read_only(false).await;
    harness.control.open();
    tokio::time::timeout(TIMEOUT, shutdown)
        .await
        .unwrap()
        .unwrap();
    drop(service);
    die(&harness, &ports, &job).await;
    secrets
}

#[test]
fn no_line_of_the_log_holds_a_secret() {
    // Of all threads: what other tests log meanwhile is checked as well.
    let log = Log::get();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let secrets = runtime.block_on(run());
    let text = log.text();
    for expected in [
        "a detail for the log",
        "job task panicked",
        "engine panicked",
        "job failed",
        "job succeeded",
        "delivery failed, will be retried",
        "delivery failed, no attempts left",
        "failed to requeue job, will be retried",
        "job requeued",
        "job requeued, its worker died",
        "job failed, its workers died",
    ] {
        assert!(text.contains(expected), "not logged: {expected}\n{text}");
    }
    let secrets = secrets.iter().map(String::as_str).chain(SECRETS);
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
