//! How the worker stops, and what it does without an engine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use facegen_core::fake::FakeBackend;
use facegen_store::sqlite::testing::Count;

use super::*;
use crate::error::JobError;
use facegen_executor::EngineHandle;

const QUEUED: Count = Count::JobsIn("queued");
const BROKEN: Count = Count::Crashes;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_running_and_fifty_waiting_jobs_survive_a_restart() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    let mut ids = Vec::new();
    for index in 0..51 {
        ids.push(submit(&service, key, &format!("job {index}")).await.id);
    }
    harness.control.let_pass(5);
    trail.reached(Checkpoint::Denoising, "job 0", 5).await;

    let shutdown = tokio::spawn(running.shutdown(Duration::ZERO));
    let store = harness.store().await;
    while count(&store, QUEUED).await < 51 {
        tokio::task::yield_now().await;
    }
    let refused = service.submit(submission(key, request("late"))).await;
    assert!(matches!(refused, Err(JobError::Draining)));
    harness.control.open();
    shutdown.await.unwrap();
    assert_eq!(count(&store, BROKEN).await, 0, "no crash is counted");
    drop(service);

    let service = harness.open().await;
    assert_eq!(count(&store, BROKEN).await, 0);
    let running = service.start();
    running.attach(harness.engine());
    for id in ids {
        assert_eq!(end_of(&service, id).await.state, JobState::Succeeded);
    }
    assert_eq!(harness.images.len(), 51);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_jobs_may_end_within_the_grace_period() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    let mut ids = Vec::new();
    for prompt in ["runs", "is ahead", "waits"] {
        ids.push(submit(&service, key, prompt).await.id);
    }
    trail.reached(Checkpoint::Claimed, "is ahead", 1).await;
    let shutdown = tokio::spawn(running.shutdown(crate::testing::TIMEOUT));
    while service.is_accepting() {
        tokio::task::yield_now().await;
    }
    harness.control.open();
    shutdown.await.unwrap();
    for (id, state) in
        ids.into_iter()
            .zip([JobState::Succeeded, JobState::Succeeded, JobState::Queued])
    {
        let job = service.find(key, id).await.unwrap().unwrap();
        assert_eq!(job.state, state);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_callers_get_the_current_state_when_work_stops() {
    let mut harness = Harness::new();
    let (mut trail, observer) = Trail::new();
    harness.observer = observer;
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    let mut waits = Vec::new();
    for prompt in ["runs", "is ahead", "waits"] {
        let (service, id) = (service.clone(), submit(&service, key, prompt).await.id);
        let wait = async move { service.wait(id, Duration::MAX).await.unwrap().state };
        waits.push(tokio::spawn(wait));
    }
    trail.reached(Checkpoint::Claimed, "is ahead", 1).await;
    let shutdown = tokio::spawn(running.shutdown(crate::testing::TIMEOUT));
    while service.is_accepting() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(waits.iter().all(|wait| !wait.is_finished()), "they wait");
    harness.control.open();
    shutdown.await.unwrap();
    let expected = [JobState::Succeeded, JobState::Succeeded, JobState::Queued];
    for (wait, state) in waits.into_iter().zip(expected) {
        let waited = tokio::time::timeout(crate::testing::TIMEOUT, wait).await;
        assert_eq!(waited.expect("no caller waits for ever").unwrap(), state);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_hangs_does_not_block_a_shutdown() {
    let harness = Harness::new();
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let mut running = service.start();
    running.attach(harness.engine());
    submit(&service, key, "a person").await;
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    running.engine_patience = Duration::from_millis(1);
    let shutdown = running.shutdown(Duration::ZERO);
    let ended = tokio::time::timeout(crate::testing::TIMEOUT, shutdown).await;
    ended.expect("it ends while the engine is still in its step");
    assert_eq!(harness.control.counts().ticks, 1);
    harness.control.open();
}

#[tokio::test]
async fn jobs_wait_for_an_engine() {
    let harness = Harness::new();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let job = submit(&service, key, "early").await;
    let waited = service.wait(job.id, Duration::from_millis(50)).await;
    assert_eq!(waited.unwrap().state, JobState::Queued);
    running.attach(harness.engine());
    assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_engine_repeats_the_jobs_of_the_former_one() {
    let harness = Harness::new();
    harness.control.close();
    let service = harness.open().await;
    let key = new_key(&service).await;
    let running = service.start();
    let first = harness.engine();
    let alive = Arc::downgrade(&first);
    running.attach(first);
    let job = submit(&service, key, "a person").await;
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    let second = Harness::new();
    running.attach(second.engine());
    while alive.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    // It ends after the current step, or a few more until it notices.
    while service.find(key, job.id).await.unwrap().unwrap().attempt == 1 {
        harness.control.let_pass(1);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    harness.control.open();
    let job = end_of(&service, job.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    assert_eq!(second.control.counts().admitted, 1);
    assert_eq!(count(&harness.store().await, BROKEN).await, 0);
    running.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_gone_for_good_is_reported_and_costs_no_job() {
    static FAULTS: [(&str, Fault); 1] = [("fatal", Fault::PanicsAt(1))];
    let mut harness = Harness::with_control(faulty(&FAULTS));
    // With both in the engine it would be unclear which one is at fault.
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    harness.observer = Arc::new(move |checkpoint, request| {
        if checkpoint == Checkpoint::Claimed && request.spec.prompt() == "ahead" {
            let wait = || may_go_on.lock().unwrap().recv().unwrap();
            tokio::task::block_in_place(wait);
        }
    });
    let (control, loads) = (harness.control.clone(), AtomicUsize::new(0));
    let load = move || match loads.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(Box::new(FakeBackend::new(&control, 1)) as Box<dyn facegen_core::Backend>),
        _ => Err("the weights are gone".into()),
    };
    let engine = EngineHandle::spawn("engine-test", load).unwrap();
    assert!(!engine.is_gone());
    let service = harness.open().await;
    let key = new_key(&service).await;
    let fatal = submit(&service, key, "fatal").await;
    let others = [
        submit(&service, key, "ahead").await,
        submit(&service, key, "waiting").await,
    ];
    let running = service.start();
    running.attach(Arc::new(engine));
    tokio::time::timeout(crate::testing::TIMEOUT, running.engine_gone())
        .await
        .expect("the program learns of it");
    assert_eq!(end_of(&service, fatal.id).await.state, JobState::Failed);
    go_on.send(()).unwrap();
    running.shutdown(crate::testing::TIMEOUT).await;
    for job in others {
        let job = service.find(key, job.id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Queued);
    }
    assert_eq!(count(&harness.store().await, BROKEN).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_without_a_shutdown_requeues_running_jobs() {
    let harness = Harness::new();
    harness.control.close();
    let (service, key, running) = harness.begin().await;
    submit(&service, key, "a person").await;
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    drop(running);
    let store = harness.store().await;
    while count(&store, QUEUED).await < 1 {
        tokio::task::yield_now().await;
    }
    harness.control.open();
}
