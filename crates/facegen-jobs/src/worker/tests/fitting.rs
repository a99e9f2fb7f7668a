//! Images whose size follows their photo's.

use std::time::Duration;

use facegen_core::request::AutoSize;
use facegen_core::{FaceSource, GenerationRequest, JobState, RawGenerationRequest, RequestLimits};

use crate::testing::{Harness, TIMEOUT, end_of, new_key, submission};

/// Returns a request for images of the photo's size, which is 32×32 here: the
/// smallest images there are.
fn open_request() -> GenerationRequest {
    let raw = RawGenerationRequest {
        prompt: "as large as the photo".into(),
        ..RawGenerationRequest::default()
    };
    let parsed = raw
        .parse(&RequestLimits::default())
        .unwrap()
        .with_auto_size(AutoSize::Both);
    parsed.resolve_seed(|| 7)
}

fn size(request: &GenerationRequest) -> (u32, u32, AutoSize) {
    (
        request.spec.width(),
        request.spec.height(),
        request.spec.auto_size(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_is_known_once_the_photo_is_and_outlives_the_attempt() {
    let harness = Harness::new();
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let mut by_url = submission(key, open_request());
    by_url.face = FaceSource::Url("http://faces.example/a.jpg".into());
    let job = service.submit(by_url).await.unwrap();
    assert_eq!(size(&job.request), (512, 512, AutoSize::Both));

    let running = service.start();
    running.attach(harness.engine());
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    let fitted = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(size(&fitted.request), (64, 64, AutoSize::None));
    running.shutdown(Duration::ZERO).await;
    drop(service);

    harness.control.open();
    let service = harness.open().await;
    let running = service.start();
    running.attach(harness.engine());
    let job = end_of(&service, job.id).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(size(&job.request), (64, 64, AutoSize::None));
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn an_inline_photo_decides_the_size_at_once() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let job = service
        .submit(submission(key, open_request()))
        .await
        .unwrap();
    assert_eq!(size(&job.request), (64, 64, AutoSize::None));
}
