//! Several engines in one pool.

use std::time::Duration;

use facegen_core::{EngineHangs, EngineName, EngineState, Engines, PreviewDemand, Submitted};

use super::*;
use crate::EnginePool;

/// Returns a pool of two engines that make one image at a time, each under a
/// control of its own.
fn pool(controls: &[FakeControl; 2]) -> EnginePool {
    let pool = EnginePool::new(names());
    for (name, control) in names().iter().zip(controls) {
        let control = control.clone();
        let load = move || Ok(Box::new(FakeBackend::new(&control, 1)) as Box<dyn Backend>);
        pool.insert(EngineHandle::spawn(name.as_str(), load).unwrap());
    }
    pool
}

fn names() -> [EngineName; 2] {
    ["cpu", "cpu#2"].map(EngineName::new)
}

fn submit(pool: &EnginePool, prompt: &str) -> Submitted {
    pool.submit(input(prompt), PreviewDemand::default())
        .unwrap()
}

fn states(pool: &EnginePool) -> Vec<EngineState> {
    pool.health().iter().map(|engine| engine.state).collect()
}

async fn end_of(mut submitted: Submitted) -> Result<Vec<GeneratedImage>, BackendError> {
    loop {
        match submitted.generation.next().await.unwrap() {
            GenerationEvent::Progress { .. } => {}
            GenerationEvent::Finished(output) => return Ok(output.images),
            GenerationEvent::Failed(error) => return Err(error),
        }
    }
}

#[tokio::test]
async fn requests_go_to_the_engine_with_the_most_capacity() {
    let controls = [FakeControl::new(), FakeControl::new()];
    let pool = pool(&controls);
    for control in &controls {
        control.close();
    }
    let prompts = ["a", "b", "c", "d"];
    let submitted = prompts.map(|prompt| submit(&pool, prompt));
    let engines = submitted.each_ref().map(|one| one.engine.as_str());
    assert_eq!(engines, ["cpu", "cpu#2", "cpu", "cpu#2"]);
    let fifth = submit(&pool, "no room");
    assert_eq!(end_of(fifth).await, Err(BackendError::QueueFull));
    for control in &controls {
        control.open();
    }
    for (prompt, submitted) in prompts.into_iter().zip(submitted) {
        assert_eq!(end_of(submitted).await, images_of(prompt));
    }
}

#[tokio::test]
async fn an_engine_that_hangs_is_abandoned_and_the_other_continues() {
    let hangs = FakeControl::with_faults(faults([("poison", Fault::HangsAt(3))]));
    let controls = [hangs, FakeControl::new()];
    let pool = pool(&controls);
    let [poison, sound] = ["poison", "sound"].map(|prompt| submit(&pool, prompt));
    assert_eq!(end_of(sound).await, images_of("sound"));
    assert!(controls[0].wait_until(|counts| counts.ticks == 3));
    assert_eq!(pool.give_up_hanging(Duration::from_mins(1)), []);
    let given_up = loop {
        let given_up = pool.give_up_hanging(Duration::from_millis(1));
        if !given_up.is_empty() {
            break given_up;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(given_up, [EngineName::new("cpu")]);
    assert_eq!(end_of(poison).await, Err(BackendError::EngineBroke));
    assert_eq!(states(&pool), [EngineState::Hung, EngineState::Ready]);
    let submitted = [(); 2].map(|()| submit(&pool, "next"));
    for submitted in submitted {
        assert_eq!(submitted.engine.as_str(), "cpu#2");
        assert_eq!(end_of(submitted).await, images_of("next"));
    }
    // It blocks neither its own end nor that of the pool.
    let ended = pool.end_engine(&given_up[0], Duration::from_mins(1)).await;
    assert_eq!(ended, Err(EngineHangs));
    assert_eq!(pool.end(Duration::from_mins(1)).await, Err(EngineHangs));
    assert_eq!(states(&pool), [EngineState::Hung, EngineState::Gone]);
}

#[tokio::test]
async fn an_engine_that_loses_its_device_for_good_does_not_stop_the_other() {
    let lost = BackendError::DeviceLost("CUDA_ERROR_ILLEGAL_ADDRESS".into());
    let lost_at_once = faults([("poison", Fault::FailsAt(1, lost.clone()))]);
    let control = FakeControl::with_faults(lost_at_once);
    let pool = EnginePool::new(names());
    let (own, mut first) = (control.clone(), true);
    let load = move || match std::mem::take(&mut first) {
        true => Ok(Box::new(FakeBackend::new(&own, 1)) as Box<dyn Backend>),
        false => Err("the gpu is there no more".into()),
    };
    pool.insert(EngineHandle::spawn("cpu", load).unwrap());
    let load = move || Ok(Box::new(FakeBackend::new(&control, 1)) as Box<dyn Backend>);
    pool.insert(EngineHandle::spawn("cpu#2", load).unwrap());
    let [poison, sound] = ["poison", "sound"].map(|prompt| submit(&pool, prompt));
    assert_eq!(end_of(poison).await, Err(lost));
    assert_eq!(end_of(sound).await, images_of("sound"));
    while states(&pool)[0] == EngineState::Loading {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(states(&pool), [EngineState::Gone, EngineState::Ready]);
    let next = submit(&pool, "next");
    assert_eq!(next.engine.as_str(), "cpu#2");
    assert_eq!(end_of(next).await, images_of("next"));
}

#[tokio::test]
async fn an_engine_is_replaced_while_the_other_continues() {
    let controls = [FakeControl::new(), FakeControl::new()];
    let pool = pool(&controls);
    let name = EngineName::new("cpu");
    assert_eq!(pool.end_engine(&name, Duration::from_mins(1)).await, Ok(()));
    assert_eq!(states(&pool), [EngineState::Loading, EngineState::Ready]);
    assert_eq!(pool.health()[0].room(), 0);
    let submitted = submit(&pool, "meanwhile");
    assert_eq!(submitted.engine.as_str(), "cpu#2");
    assert_eq!(end_of(submitted).await, images_of("meanwhile"));
    let control = controls[0].clone();
    let load = move || Ok(Box::new(FakeBackend::new(&control, 1)) as Box<dyn Backend>);
    pool.insert(EngineHandle::spawn("cpu", load).unwrap());
    assert_eq!(submit(&pool, "next").engine, name);
    assert_eq!(pool.names(), names());
}
