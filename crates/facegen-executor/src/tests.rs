//! The engine thread over fake backends that wait, fail and panic.

mod device;
mod panics;
mod pool;
mod previews;
mod searches;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use facegen_core::fake::{FakeBackend, FakeControl, Fault, paint};
use facegen_core::{
    Backend, BackendError, Capacity, EngineHealth, FoundFace, GeneratedImage, GenerationEvent,
    GenerationInput, GenerationSpec, RawGenerationRequest, RequestLimits, RgbImage, Slot,
    SlotEvent,
};

use crate::{EngineHandle, GenerationHandle};

const STEPS: usize = 21;

/// More requests than most tests submit, of which four share a step.
const CAPACITY: Capacity = Capacity {
    requests: 20,
    pictures_per_step: 4,
};

fn input(prompt: &str) -> GenerationInput {
    let raw = RawGenerationRequest {
        prompt: prompt.into(),
        width: 64_i64.into(),
        height: 64_i64.into(),
        ..Default::default()
    };
    GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 7)
            .spec,
        face: RgbImage::new(1, 1, vec![1, 2, 3]).unwrap(),
    }
}

/// Returns a control with faults by prompt.
fn faults(
    faults: impl IntoIterator<Item = (&'static str, Fault)>,
) -> impl Fn(&GenerationSpec) -> Option<Fault> {
    let faults: BTreeMap<&str, Fault> = faults.into_iter().collect();
    move |request| faults.get(request.prompt()).cloned()
}

/// Returns an engine whose backends step up to four requests at once.
fn engine(control: &FakeControl) -> EngineHandle {
    control.set_capacity(CAPACITY);
    let control = control.clone();
    EngineHandle::spawn("engine-test", move || {
        Ok(Box::new(FakeBackend::new(&control, 4)))
    })
    .unwrap()
}

/// Returns an engine whose loader succeeds once and then fails `failures` times.
fn engine_that_reloads_after(control: &FakeControl, failures: usize) -> EngineHandle {
    control.set_capacity(CAPACITY);
    let (control, loads) = (control.clone(), AtomicUsize::new(0));
    EngineHandle::spawn("engine-test", move || {
        match loads.fetch_add(1, Ordering::Relaxed) {
            load if (1..=failures).contains(&load) => Err("the disk is gone".into()),
            _ => Ok(Box::new(FakeBackend::new(&control, 4))),
        }
    })
    .unwrap()
}

/// Returns all events, of which exactly one is an end, and the steps reported.
fn drain(
    mut generation: GenerationHandle,
) -> (Vec<usize>, Result<Vec<GeneratedImage>, BackendError>) {
    let mut progress = Vec::new();
    let result = loop {
        match generation.blocking_next().unwrap() {
            GenerationEvent::Progress { step, steps, .. } => {
                assert_eq!(steps, STEPS);
                progress.push(step);
            }
            GenerationEvent::Finished(output) => break Ok(output.images),
            GenerationEvent::Failed(error) => break Err(error),
        }
    };
    assert!(generation.blocking_next().is_none(), "only one end");
    (progress, result)
}

fn result(generation: GenerationHandle) -> Result<Vec<GeneratedImage>, BackendError> {
    drain(generation).1
}

fn images_of(prompt: &str) -> Result<Vec<GeneratedImage>, BackendError> {
    paint(&input(prompt)).map(|output| output.images)
}

#[test]
fn the_backend_is_loaded_on_a_thread_of_that_name_before_the_handle_exists() {
    let (sender, thread_name) = std::sync::mpsc::channel();
    let control = FakeControl::new();
    let handle = EngineHandle::spawn("engine-cuda-0", move || {
        let name = std::thread::current().name().map(str::to_owned);
        sender.send(name).unwrap();
        Ok(Box::new(FakeBackend::new(&control, 1)))
    });
    assert_eq!(thread_name.try_recv().unwrap().unwrap(), "engine-cuda-0");
    assert!(handle.unwrap().is_ready());
}

#[test]
fn a_loader_that_fails_or_panics_gives_its_reason_and_no_handle() {
    let error = EngineHandle::spawn("engine-test", || Err("no such preset".into())).unwrap_err();
    assert_eq!(error.to_string(), "cannot load the engine");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "no such preset"
    );

    let error = EngineHandle::spawn("engine-test", || panic!("bad weights")).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the loader panicked: bad weights");
}

#[test]
fn progress_counts_up_and_one_end_follows() {
    let engine = engine(&FakeControl::new());
    let (progress, images) = drain(engine.submit(input("alone")));
    assert_eq!(progress, (1..=STEPS).collect::<Vec<_>>());
    assert_eq!(images, images_of("alone"));
}

#[test]
fn the_steps_of_all_samples_are_reported_before_all_images() {
    let mut two_samples = input("two");
    let raw = RawGenerationRequest {
        prompt: "two".into(),
        samples: 2_i64.into(),
        ..Default::default()
    };
    two_samples.spec = raw
        .parse(&RequestLimits::default())
        .unwrap()
        .resolve_seed(|| 7)
        .spec;
    let engine = engine(&FakeControl::new());
    let mut generation = engine.submit(two_samples);
    for expected in 1..=2 * STEPS {
        let event = generation.blocking_next();
        assert!(
            matches!(event, Some(GenerationEvent::Progress { step, .. }) if step == expected),
            "{event:?} instead of step {expected}"
        );
    }
    assert_eq!(result(generation).unwrap().len(), 2);
}

#[test]
fn events_can_be_awaited() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let engine = engine(&FakeControl::new());
    let mut generation = engine.submit(input("awaited"));
    let events = runtime.block_on(async {
        let mut events = 0;
        while generation.next().await.is_some() {
            events += 1;
        }
        events
    });
    assert_eq!(events, STEPS + 1);
}

#[test]
fn many_requests_each_get_their_own_images() {
    let engine = engine(&FakeControl::new());
    let prompts: Vec<String> = (0..20).map(|index| format!("prompt {index}")).collect();
    let submit = |prompt: &String| engine.submit(input(prompt));
    let generations: Vec<GenerationHandle> = prompts.iter().map(submit).collect();
    for (prompt, generation) in prompts.iter().zip(generations) {
        assert_eq!(result(generation), images_of(prompt));
    }
}

#[test]
fn one_failure_does_not_affect_its_neighbours() {
    let control = FakeControl::with_faults(faults([
        ("faceless", Fault::Refused(BackendError::NoFace)),
        ("overflowing", Fault::FailsAt(5, BackendError::NotFinite)),
    ]));
    let engine = engine(&control);
    let prompts = ["first", "faceless", "overflowing", "last"];
    let generations = prompts.map(|prompt| engine.submit(input(prompt)));
    assert_eq!(
        generations.map(result),
        [
            images_of("first"),
            Err(BackendError::NoFace),
            Err(BackendError::NotFinite),
            images_of("last"),
        ]
    );
    assert!(engine.is_ready());
}

#[test]
fn a_request_can_be_cancelled_before_it_is_admitted() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let running = engine.submit(input("running"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let waiting = engine.submit(input("waiting"));
    waiting.cancel_handle().cancel();
    control.open();
    assert_eq!(drain(waiting), (Vec::new(), Err(BackendError::Cancelled)));
    assert_eq!(result(running), images_of("running"));
    assert_eq!(control.counts().admitted, 1);
}

#[test]
fn a_request_can_be_cancelled_between_its_steps_without_affecting_its_neighbour() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let cancelled = engine.submit(input("cancelled"));
    let neighbour = engine.submit(input("neighbour"));
    control.let_pass(3);
    assert!(control.wait_until(|counts| counts.ticks == 4));
    cancelled.cancel_handle().cancel();
    control.open();
    let steps_taken = vec![1, 2, 3, 4];
    assert_eq!(
        drain(cancelled),
        (steps_taken, Err(BackendError::Cancelled))
    );
    assert_eq!(result(neighbour), images_of("neighbour"));
    assert_eq!(control.counts().cancelled, 1);
}

#[test]
fn cancelling_an_ended_request_changes_nothing() {
    let engine = engine(&FakeControl::new());
    let generation = engine.submit(input("ended"));
    let cancel = generation.cancel_handle();
    assert_eq!(result(generation), images_of("ended"));
    cancel.cancel();
    assert_eq!(result(engine.submit(input("next"))), images_of("next"));
}

#[test]
fn dropping_the_receiving_end_cancels() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let dropped = engine.submit(input("dropped"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    drop(dropped);
    control.let_pass(1);
    assert!(control.wait_until(|counts| counts.cancelled == 1));
    control.open();
    assert_eq!(result(engine.submit(input("next"))), images_of("next"));
}

#[test]
fn requests_beyond_the_capacity_are_refused_at_once() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let submit = |_| engine.submit(input("one of many"));
    let taken: Vec<GenerationHandle> = (0..CAPACITY.requests + EngineHealth::AHEAD)
        .map(submit)
        .collect();
    assert_eq!(result(submit(0)), Err(BackendError::QueueFull));
    control.open();
    for generation in taken {
        assert_eq!(result(generation), images_of("one of many"));
    }
    assert_eq!(result(submit(0)), images_of("one of many"));
}

#[test]
fn dropping_the_handle_joins_the_thread_and_fails_unfinished_requests() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let generations = ["running", "waiting"].map(|prompt| engine.submit(input(prompt)));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    // `drop` does this first; here before the current step ends.
    engine.close();
    control.open();
    drop(engine);
    assert_eq!(
        control.counts().ticks,
        1,
        "no step after the handle is gone"
    );
    for generation in generations {
        assert_eq!(result(generation), Err(BackendError::EngineStopped));
    }
}

#[test]
fn eight_requests_share_the_steps_of_a_backend_that_can_hold_them() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    control.set_capacity(Capacity::of_images(8));
    let prompts: Vec<String> = (0..8).map(|index| format!("prompt {index}")).collect();
    let submit = |prompt: &String| engine.submit(input(prompt));
    let first = submit(&prompts[0]);
    // From here on the engine knows how much its backend can hold.
    control.let_pass(1);
    assert!(control.wait_until(|counts| counts.ticks == 2));
    let others = prompts[1..].iter().map(submit).collect::<Vec<_>>();
    control.open();
    let generations = [first].into_iter().chain(others);
    for (prompt, generation) in prompts.iter().zip(generations) {
        assert_eq!(result(generation), images_of(prompt));
    }
    let counts = control.counts();
    assert_eq!(counts.steps, 8 * STEPS);
    assert_eq!(
        counts.ticks,
        STEPS + 2,
        "the first one ran alone for two steps"
    );
}

#[test]
fn a_backend_is_given_no_more_than_it_can_hold_at_the_moment() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    control.set_capacity(Capacity::of_images(2));
    let first = engine.submit(input("first"));
    control.let_pass(1);
    assert!(control.wait_until(|counts| counts.ticks == 2));
    assert_eq!(engine.health().capacity, Capacity::of_images(2));
    let [second, third] = ["second", "third"].map(|prompt| engine.submit(input(prompt)));
    assert_eq!(
        result(engine.submit(input("fourth"))),
        Err(BackendError::QueueFull)
    );
    control.let_pass(2);
    assert!(control.wait_until(|counts| counts.ticks == 4));
    assert_eq!(control.counts().admitted, 2, "the third waits");
    control.open();
    for (prompt, generation) in [("first", first), ("second", second), ("third", third)] {
        assert_eq!(result(generation), images_of(prompt));
    }
}
