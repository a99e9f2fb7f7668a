//! An engine that hangs.

use std::time::Duration;

use facegen_core::fake::Fault;
use facegen_core::{ErrorCode, JobState};
use facegen_store::sqlite::testing::Count;
use tokio::time::timeout;

use super::{faulty, submit};
use crate::ports::JobsConfig;
use crate::service::JobService;
use crate::testing::{Harness, TIMEOUT, count, end_of, new_key};

/// Longer than any step here takes on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_secs(1);

static POISON: [(&str, Fault); 1] = [("poison", Fault::HangsAt(3))];

async fn open(harness: &Harness) -> JobService {
    let config = JobsConfig {
        step_timeout: STEP_TIMEOUT,
        ..harness.config()
    };
    harness.open_with(config, harness.ports()).await
}

/// Works until the engine hangs, and then stops as the program does.
async fn hang(service: JobService, harness: &Harness) {
    let running = service.start();
    let engine = harness.engine();
    running.attach(engine.clone());
    timeout(TIMEOUT, running.engine_gone()).await.unwrap();
    assert!(running.engine_hangs());
    assert!(!engine.is_ready() && engine.is_gone());
    running.shutdown(Duration::ZERO).await;
    let left = Count::JobsIn("running");
    let left = count(&harness.store().await, left).await;
    assert!(left >= 1, "as after a crash");
    service.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_over_which_the_engine_hangs_fails_and_its_neighbours_finish() {
    let harness = Harness::with_control(faulty(&POISON));
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let poison = submit(&service, key, "poison").await.id;
    let neighbour = submit(&service, key, "neighbour").await.id;
    let last = submit(&service, key, "last").await.id;
    hang(service, &harness).await;
    for _ in 0..2 {
        hang(open(&harness).await, &harness).await;
    }
    let service = open(&harness).await;
    let failure = end_of(&service, poison).await.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::Internal);
    assert_eq!(
        failure.message,
        "the work on this request broke down 3 times"
    );
    let running = service.start();
    running.attach(harness.engine());
    for id in [neighbour, last] {
        assert_eq!(end_of(&service, id).await.state, JobState::Succeeded);
    }
    assert!(!running.engine_hangs());
    running.shutdown(TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_hangs_is_detected_when_it_is_detached() {
    let harness = Harness::with_control(faulty(&POISON));
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    let engine = harness.engine();
    running.attach(engine.clone());
    let poison = submit(&service, key, "poison").await.id;
    let at_it = async {
        while engine.busy_for() < Duration::from_millis(100) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, at_it).await.unwrap();
    drop(engine);
    timeout(TIMEOUT, running.detach()).await.unwrap();
    assert!(running.engine_hangs());
    timeout(TIMEOUT, running.engine_gone()).await.unwrap();
    running.shutdown(Duration::ZERO).await;
    let job = service.find(key, poison).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Running, "as after a crash");
}

#[tokio::test]
async fn an_idle_engine_does_not_count_as_hung() {
    let harness = Harness::new();
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    let engine = harness.engine();
    running.attach(engine.clone());
    tokio::time::sleep(STEP_TIMEOUT + Duration::from_millis(1_500)).await;
    assert!(engine.is_ready() && !running.engine_hangs());
    let job = submit(&service, key, "a person").await;
    assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    assert_eq!(engine.busy_for(), Duration::ZERO);
}
