//! The worker over fake engines.

mod buckets;
mod fetching;
mod fitting;
mod hanging;
#[cfg(target_os = "linux")]
mod killed;
mod lost;
mod parameters;
mod several;
mod stopping;

use std::sync::Arc;
use std::time::Duration;

use facegen_core::fake::{FakeControl, FakeFaceReader, Fault};
use facegen_core::job::Job;
use facegen_core::key::KeyId;
use facegen_core::redact::FaceImage;
use facegen_core::{BackendError, ErrorCode, FaceSource, JobState};
use facegen_store::sqlite::testing::Count;
use tokio::sync::watch;

use crate::ports::{Checkpoint, Observer};
use crate::service::JobService;
use crate::testing::{
    Harness, count, end_of, first_file, new_key, request, submission, with_webhook,
};

async fn submit(service: &JobService, key: KeyId, prompt: &str) -> Job {
    let submission = submission(key, request(prompt));
    service.submit(submission).await.unwrap()
}

/// The checkpoints that jobs have reached.
struct Trail(watch::Receiver<Vec<(Checkpoint, String)>>);

impl Trail {
    fn new() -> (Self, Observer) {
        let (sender, trail) = watch::channel(Vec::new());
        let observer: Observer = Arc::new(move |checkpoint, request| {
            sender.send_modify(|trail| trail.push((checkpoint, request.spec.prompt().to_owned())));
        });
        (Self(trail), observer)
    }

    /// Waits until this job has reached the checkpoint so often.
    async fn reached(&mut self, checkpoint: Checkpoint, prompt: &str, times: usize) {
        let at = |(at, who): &&(Checkpoint, String)| *at == checkpoint && who == prompt;
        let often = |trail: &Vec<_>| trail.iter().filter(at).count() >= times;
        let reached = tokio::time::timeout(crate::testing::TIMEOUT, self.0.wait_for(often));
        let _ = reached.await.expect("the job comes there").unwrap();
    }

    fn of(&self, prompt: &str) -> Vec<Checkpoint> {
        let trail = self.0.borrow();
        let own = trail.iter().filter(|(_, who)| who == prompt);
        own.map(|(checkpoint, _)| *checkpoint).collect()
    }
}

/// Returns a control with faults by prompt.
fn faulty(faults: &'static [(&'static str, Fault)]) -> FakeControl {
    FakeControl::with_faults(move |request| {
        let fault = faults
            .iter()
            .find(|(prompt, _)| *prompt == request.prompt());
        fault.map(|(_, fault)| fault.clone())
    })
}

#[tokio::test]
async fn every_checkpoint_is_observed_in_order() {
    let mut harness = Harness::new();
    let (trail, observer) = Trail::new();
    harness.observer = observer;
    let (service, key, _running) = harness.begin().await;
    let job = submit(&service, key, "a person").await;
    end_of(&service, job.id).await;
    let mut reported = trail.of("a person");
    assert_eq!(
        reported
            .iter()
            .filter(|at| **at == Checkpoint::Denoising)
            .count(),
        21
    );
    reported.dedup();
    assert_eq!(
        reported,
        [
            Checkpoint::Accepted,
            Checkpoint::Inserted,
            Checkpoint::Enqueued,
            Checkpoint::Claimed,
            Checkpoint::Denoising,
            Checkpoint::Encoded,
            Checkpoint::Stored,
            Checkpoint::Finishing,
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_is_one_job_ahead_and_no_more() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    for prompt in ["first", "second", "third"] {
        submit(&service, key, prompt).await;
    }
    let running = service.start();
    running.attach(harness.engine());
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    trail.reached(Checkpoint::Claimed, "second", 1).await;
    harness.control.let_pass(21);
    trail.reached(Checkpoint::Claimed, "third", 1).await;
    assert!(trail.of("first").contains(&Checkpoint::Finishing));
    let running_rows = Count::JobsIn("running");
    assert!(count(&harness.store().await, running_rows).await <= 2);
    harness.control.open();
    running.shutdown(crate::testing::TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_the_job_before_is_not_part_of_the_generation_time() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let first = submit(&service, key, "first").await.id;
    let running = service.start();
    running.attach(harness.engine());
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    // Only now: of two that are claimed at once either may be the first.
    let second = submit(&service, key, "second").await.id;
    trail.reached(Checkpoint::Claimed, "second", 1).await;
    harness.clock.advance(Duration::from_secs(10));
    harness.control.let_pass(21);
    let first = end_of(&service, first).await;
    assert_eq!(first.generation_time(), Some(Duration::from_secs(10)));
    harness.clock.advance(Duration::from_secs(2));
    harness.control.open();
    let second = end_of(&service, second).await;
    assert_eq!(second.generation_time(), Some(Duration::from_secs(2)));
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_burst_after_idleness_is_processed() {
    let harness = Harness::new();
    let (service, key, running) = harness.begin().await;
    for round in 0..3 {
        let mut submits = tokio::task::JoinSet::new();
        for index in 0..20 {
            let service = service.clone();
            let prompt = format!("round {round} job {index}");
            submits.spawn(async move { submit(&service, key, &prompt).await });
        }
        for job in submits.join_all().await {
            assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
        }
    }
    assert_eq!(harness.control.counts().admitted, 60, "each was made once");
    drop(running);
}

static FAULTS: [(&str, Fault); 5] = [
    ("faceless", Fault::Refused(BackendError::NoFace)),
    ("overflowing", Fault::FailsAt(5, BackendError::NotFinite)),
    ("large", Fault::FailsAt(1, BackendError::OutOfMemory)),
    ("fatal", Fault::PanicsAt(3)),
    (
        "detailed",
        Fault::FailsAt(1, BackendError::Failed(String::new())),
    ),
];

const REPORTED: [(&str, ErrorCode, &str); 5] = [
    (
        "faceless",
        ErrorCode::NoFace,
        "No face detected in face_image",
    ),
    (
        "overflowing",
        ErrorCode::GenerationFailed,
        "the model produced values that are not finite",
    ),
    (
        "large",
        ErrorCode::OutOfMemory,
        "the device ran out of memory",
    ),
    (
        "fatal",
        ErrorCode::Internal,
        "the engine broke down over this request",
    ),
    (
        "detailed",
        ErrorCode::GenerationFailed,
        "the generation failed",
    ),
];

#[tokio::test]
async fn failures_show_callers_no_internal_details() {
    let harness = Harness::with_control(faulty(&FAULTS));
    let (service, key, running) = harness.begin().await;
    for (prompt, code, message) in REPORTED {
        let submission = submission(key, with_webhook(prompt));
        let job = service.submit(submission).await.unwrap();
        let job = end_of(&service, job.id).await;
        let failure = job.failure.unwrap();
        assert_eq!((failure.code, failure.message.as_str()), (code, message));
        assert_eq!(job.state, JobState::Failed);
        assert_eq!((job.outcome, job.expires_at), (None, None));
    }
    let store = harness.store().await;
    assert_eq!(count(&store, Count::Photos).await, 0);
    assert_eq!(count(&store, Count::Deliveries).await, 5);
    assert!(harness.images.is_empty());
    let job = submit(&service, key, "sound").await;
    assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    drop(running);
}

#[tokio::test]
async fn photos_behind_urls_are_fetched() {
    let harness = Harness::new();
    let (service, key, running) = harness.begin().await;
    for (url, state) in [
        ("http://faces.example/a.jpg", JobState::Succeeded),
        ("http://faces.example/nothing.jpg", JobState::Failed),
    ] {
        let mut submission = submission(key, request("by url"));
        submission.face = FaceSource::Url(url.into());
        let job = service.submit(submission).await.unwrap();
        let job = end_of(&service, job.id).await;
        assert_eq!(job.state, state, "{url}");
        if let Some(failure) = job.failure {
            assert_eq!(failure.code, ErrorCode::InvalidFaceImage);
            assert_eq!(failure.message, "face_image cannot be fetched");
        }
    }
    drop(running);
}

#[tokio::test]
async fn warnings_about_a_photo_are_those_of_its_job() {
    const ODD: &str = "http://faces.example/odd.jpg";
    let harness = Harness::new();
    let mut ports = harness.ports();
    ports.faces = Arc::new(FakeFaceReader::default().with(ODD, b"odd"));
    let service = harness.open_with(harness.config(), ports).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(harness.engine());
    let inline = |bytes: &[u8]| FaceSource::Inline(FaceImage::from(bytes.to_vec()));
    for (face, warnings) in [
        (
            FaceSource::Url(ODD.into()),
            ["face_image is odd"].as_slice(),
        ),
        (inline(b"odd"), &["face_image is odd"]),
        (inline(b"even"), &[]),
    ] {
        let mut submission = submission(key, request("a person"));
        submission.face = face;
        let job = service.submit(submission).await.unwrap();
        let job = end_of(&service, job.id).await;
        assert_eq!(job.state, JobState::Succeeded);
        assert_eq!(job.warnings, warnings);
    }
    drop(running);
}

#[tokio::test]
async fn warnings_about_a_photo_stay_when_its_job_fails() {
    let mut harness = Harness::new();
    harness.control = faulty(&[("a person", Fault::Refused(BackendError::NoFace))]);
    let (service, key, _running) = harness.begin().await;
    let mut submission = submission(key, request("a person"));
    submission.face = FaceSource::Inline(FaceImage::from(b"odd".to_vec()));
    let job = service.submit(submission).await.unwrap();
    let job = end_of(&service, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.warnings, ["face_image is odd"]);
}

#[tokio::test]
async fn images_that_cannot_be_encoded_fail_their_job() {
    let harness = Harness::new();
    for panics in [false, true] {
        let mut ports = harness.ports();
        ports.encoder = Arc::new(move |_, _| {
            assert!(!panics, "the encoder panics");
            Err("a detail of ours".into())
        });
        let service = harness.open_with(harness.config(), ports).await;
        let key = new_key(&service).await;
        let running = service.start();
        running.attach(harness.engine());
        let job = submit(&service, key, "a person").await;
        let failure = end_of(&service, job.id).await.failure.unwrap();
        assert_eq!(failure.code, ErrorCode::Internal);
        assert_eq!(failure.message, "the images could not be encoded");
        running.shutdown(Duration::ZERO).await;
    }
    assert!(harness.images.is_empty());
}

#[tokio::test]
async fn a_panic_in_the_task_of_a_job_fails_that_job_alone() {
    for at in [
        Checkpoint::Claimed,
        Checkpoint::Denoising,
        Checkpoint::Finishing,
    ] {
        let mut harness = Harness::new();
        harness.observer = Arc::new(move |checkpoint, request| {
            assert!(
                checkpoint != at || request.spec.prompt() != "fatal",
                "failure that the test injects"
            );
        });
        let service = harness.open().await;
        let key = new_key(&service).await;
        let fatal = submit(&service, key, "fatal").await;
        let sound = submit(&service, key, "sound").await;
        let running = service.start();
        running.attach(harness.engine());
        let failure = end_of(&service, fatal.id).await.failure.unwrap();
        assert_eq!(failure.code, ErrorCode::Internal);
        assert_eq!(failure.message, "the work on this request broke down");
        assert_eq!(end_of(&service, sound.id).await.state, JobState::Succeeded);
        assert_eq!(service.read(&first_file(&fatal)).await.unwrap(), None);
        running.shutdown(crate::testing::TIMEOUT).await;
        assert_eq!(harness.images.len(), 1, "no file is left of it");
    }
}
