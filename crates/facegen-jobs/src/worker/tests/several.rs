//! Several engines at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use facegen_core::fake::{FakeBackend, FakeControl, Fault};
use facegen_core::job::Job;
use facegen_core::{
    Backend, BackendError, EngineName, EngineState, Engines as _, ErrorCode, JobState,
};
use facegen_executor::{EngineHandle, EnginePool};
use tokio::time::timeout;

use super::{faulty, submit};
use crate::ports::JobsConfig;
use crate::service::JobService;
use crate::testing::{Harness, TIMEOUT, end_of, first_file, new_key};

const NAMES: [&str; 2] = ["cuda:0", "cuda:1"];

/// Returns engines that make one image at a time.
fn pool(controls: [&FakeControl; 2]) -> Arc<EnginePool> {
    let pool = EnginePool::new(NAMES.map(EngineName::new));
    for (name, control) in NAMES.iter().zip(controls) {
        let (control, mut loads) = (control.clone(), 0);
        let load = move || {
            loads += 1;
            match loads {
                1 => Ok(Box::new(FakeBackend::new(&control, 1)) as Box<dyn Backend>),
                _ => Err("the gpu is there no more".into()),
            }
        };
        pool.insert(EngineHandle::spawn(name, load).unwrap());
    }
    Arc::new(pool)
}

async fn open(harness: &Harness) -> JobService {
    let config = JobsConfig {
        step_timeout: Duration::from_secs(1),
        ..harness.config()
    };
    harness.open_with(config, harness.ports()).await
}

/// Returns the engine of a job that has succeeded.
fn engine(job: &Job) -> &str {
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.failure);
    let outcome = job.outcome.as_ref().unwrap();
    outcome.engine.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_to_all_engines_up_to_their_capacity() {
    let harness = Harness::new();
    let controls = [(); 2].map(|()| FakeControl::new());
    for control in &controls {
        control.close();
    }
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(pool(controls.each_ref()));
    let mut jobs = Vec::new();
    for index in 0..6 {
        jobs.push(submit(&service, key, &format!("job {index}")).await.id);
    }
    for control in &controls {
        assert!(control.wait_until(|counts| counts.ticks == 1));
    }
    let waiting = async {
        while service.context.storage.stores.jobs.depth().await.unwrap() != 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, waiting)
        .await
        .expect("one that works and one ahead for each engine");
    for control in &controls {
        control.open();
    }
    let mut engines = Vec::new();
    for id in jobs {
        engines.push(engine(&end_of(&service, id).await).to_owned());
    }
    assert!(
        NAMES
            .iter()
            .all(|name| engines.iter().any(|own| own == name)),
        "{engines:?}"
    );
    running.shutdown(TIMEOUT).await;
}

static HANG: [(&str, Fault); 1] = [("poison", Fault::HangsAt(3))];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_an_engine_that_hangs_move_to_the_other() {
    let harness = Harness::new();
    // The engine that has it first hangs.
    let hangs = Arc::new(AtomicBool::new(true));
    let controls = [(); 2].map(|()| {
        let hangs = Arc::clone(&hangs);
        FakeControl::with_faults(move |request| {
            let first = request.prompt() == "poison" && hangs.swap(false, Ordering::Relaxed);
            first.then_some(Fault::HangsAt(3))
        })
    });
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    let pool = pool(controls.each_ref());
    running.attach(Arc::clone(&pool) as _);
    let poison = submit(&service, key, "poison").await.id;
    let others = [
        submit(&service, key, "neighbour").await.id,
        submit(&service, key, "last").await.id,
    ];
    let poison = end_of(&service, poison).await;
    assert_eq!(poison.attempt, 2, "the first one hung");
    let health = pool.health();
    let hung = health.iter().find(|one| one.state == EngineState::Hung);
    let hung = hung.unwrap().name.as_str();
    assert_ne!(engine(&poison), hung);
    for id in others {
        assert_eq!(end_of(&service, id).await.state, JobState::Succeeded);
    }
    assert!(!running.engine_hangs());
    let job = end_of(&service, submit(&service, key, "later").await.id).await;
    assert_ne!(engine(&job), hung);
    running.shutdown(TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_ends_when_the_last_engine_hangs() {
    let harness = Harness::new();
    let controls = [faulty(&HANG), faulty(&HANG)];
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    running.attach(pool(controls.each_ref()));
    let poison = submit(&service, key, "poison").await.id;
    timeout(TIMEOUT, running.engine_gone()).await.unwrap();
    assert!(running.engine_hangs());
    running.shutdown(Duration::ZERO).await;
    let job = service.find(key, poison).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Running, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_engine_works_on_when_a_device_is_lost() {
    let lost = || BackendError::DeviceLost("CUDA_ERROR_ILLEGAL_ADDRESS".into());
    let losing = FakeControl::with_faults(move |request| {
        (request.prompt() == "poison").then(|| Fault::FailsAt(3, lost()))
    });
    let harness = Harness::new();
    let service = open(&harness).await;
    let key = new_key(&service).await;
    let running = service.start();
    let pool = pool([&losing, &FakeControl::new()]);
    running.attach(Arc::clone(&pool) as _);
    let poison = submit(&service, key, "poison").await.id;
    let failure = end_of(&service, poison).await.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::Internal);
    let alone = Harness::new();
    let (other, other_key, _other_running) = alone.begin().await;
    for prompt in ["one", "two", "three"] {
        let job = end_of(&service, submit(&service, key, prompt).await.id).await;
        assert_eq!(engine(&job), "cuda:1");
        let solo = end_of(&other, submit(&other, other_key, prompt).await.id).await;
        assert_eq!(
            service.read(&first_file(&job)).await.unwrap(),
            other.read(&first_file(&solo)).await.unwrap(),
        );
    }
    assert!(!running.engine_hangs());
    running.shutdown(TIMEOUT).await;
}
