//! Pictures whose size follows their photograph's.

use std::time::Duration;

use facegen_core::request::AutoSize;
use facegen_core::{FaceSource, GenerationRequest, JobState, RawGenerationRequest, RequestLimits};

use crate::testing::{PATIENCE, World, end_of, new_key, submission};

/// A request for pictures of the photograph's size, which is 32×32 here: the
/// smallest pictures there are.
fn open_request() -> GenerationRequest {
    let raw = RawGenerationRequest {
        prompt: "as large as the photograph".into(),
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
async fn the_size_is_known_once_the_photograph_is_and_outlives_the_attempt() {
    let world = World::new();
    world.control.close();
    let service = world.open().await;
    let key = new_key(&service).await;
    let mut by_url = submission(key, open_request());
    by_url.face = FaceSource::Url("http://faces.example/a.jpg".into());
    let job = service.submit(by_url).await.unwrap();
    assert_eq!(size(&job.request), (512, 512, AutoSize::Both));

    let running = service.start();
    running.attach(world.engine());
    assert!(world.control.wait_until(|counts| counts.ticks == 1));
    let fitted = service.find(key, job.id).await.unwrap().unwrap();
    assert_eq!(size(&fitted.request), (64, 64, AutoSize::None));
    running.shutdown(Duration::ZERO).await;
    drop(service);

    world.control.open();
    let service = world.open().await;
    let running = service.start();
    running.attach(world.engine());
    let job = end_of(&service, job.id).await;
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(size(&job.request), (64, 64, AutoSize::None));
    running.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_comes_along_tells_the_size_at_once() {
    let world = World::new();
    let service = world.open().await;
    let key = new_key(&service).await;
    let job = service
        .submit(submission(key, open_request()))
        .await
        .unwrap();
    assert_eq!(size(&job.request), (64, 64, AutoSize::None));
}
