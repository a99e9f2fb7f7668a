//! Previews: only while somebody wants them, and seldom.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use facegen_core::PreviewDemand;

use super::*;

/// Returns the input of a request whose images are not checked.
fn unchecked(prompt: &str) -> GenerationInput {
    let raw = RawGenerationRequest {
        prompt: prompt.into(),
        width: 64_i64.into(),
        height: 64_i64.into(),
        safety_checker: "no".into(),
        ..Default::default()
    };
    let request = raw.parse(&RequestLimits::default()).unwrap();
    GenerationInput {
        spec: request.resolve_seed(|| 7).spec,
        ..input(prompt)
    }
}

/// Returns how many previews came with each step.
fn previews_of_steps(mut generation: GenerationHandle) -> Vec<usize> {
    let mut counts = Vec::new();
    while let Some(event) = generation.blocking_next() {
        match event {
            GenerationEvent::Progress { previews, .. } => counts.push(previews.len()),
            GenerationEvent::Finished(_) => {}
            GenerationEvent::Failed(error) => panic!("{error}"),
        }
    }
    counts
}

#[test]
fn none_is_computed_without_a_demand() {
    let control = FakeControl::new();
    let engine = engine(&control);
    let counts = previews_of_steps(engine.submit(unchecked("unseen")));
    assert_eq!(counts, [0; STEPS]);
    let never = PreviewDemand::new(|| false);
    let counts = previews_of_steps(engine.submit_with(unchecked("unseen"), never));
    assert_eq!(counts, [0; STEPS]);
    assert_eq!(control.counts().previews, 0);
}

#[test]
fn they_come_from_when_they_are_wanted() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let wanted = Arc::new(AtomicBool::new(false));
    let demand = Arc::clone(&wanted);
    let demand = PreviewDemand::new(move || demand.load(Ordering::Acquire));
    let generation = engine.submit_with(unchecked("seen"), demand);
    control.let_pass(3);
    assert!(control.wait_until(|counts| counts.ticks == 4));
    assert_eq!(control.counts().previews, 0);
    wanted.store(true, Ordering::Release);
    control.open();
    let counts = previews_of_steps(generation);
    assert_eq!(counts[..4], [0, 0, 0, 1]);
}

#[test]
fn at_most_two_come_in_a_second() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let always = PreviewDemand::new(|| true);
    let begin = Instant::now();
    let generation = engine.submit_with(unchecked("seen"), always);
    control.let_pass(10);
    assert!(control.wait_until(|counts| counts.ticks == 11));
    std::thread::sleep(Duration::from_millis(500));
    control.open();
    let previews: usize = previews_of_steps(generation).into_iter().sum();
    let half_seconds = begin.elapsed().as_millis() / 500;
    assert!(previews >= 2, "{previews} previews");
    assert!(previews as u128 <= half_seconds + 1, "{previews} previews");
}

#[test]
fn a_panic_fails_that_request_and_no_other() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicInPreviews)]));
    control.close();
    let engine = engine(&control);
    let always = PreviewDemand::new(|| true);
    let poison = engine.submit_with(unchecked("poison"), always.clone());
    let neighbour = engine.submit_with(unchecked("neighbour"), always);
    control.open();
    assert_eq!(result(poison), Err(BackendError::Panicked));
    assert!(result(neighbour).is_ok());
    assert!(engine.is_ready());
}
