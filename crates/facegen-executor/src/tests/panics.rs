//! What a panic costs: one request, and the time to load the backend again.

use super::*;

#[test]
fn a_panic_in_a_shared_tick_fails_exactly_the_one_at_fault() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicsAt(4))]));
    control.close();
    let engine = engine(&control);
    let prompts = ["first", "poison", "third", "fourth"];
    let generations = prompts.map(|prompt| engine.submit(input(prompt)));
    control.open();
    let [first, poison, third, fourth] = generations.map(drain);
    assert_eq!(poison.1, Err(BackendError::Panicked));
    for (prompt, (progress, images)) in [("first", first), ("third", third), ("fourth", fourth)] {
        assert_eq!(
            progress,
            (1..=STEPS).collect::<Vec<_>>(),
            "{prompt}: no step reported twice"
        );
        assert_eq!(images, images_of(prompt));
    }
    assert!(engine.is_ready());
}

#[test]
fn two_poisoned_requests_both_fail_and_the_rest_finish() {
    let control = FakeControl::with_faults(faults([
        ("poison a", Fault::PanicsAt(2)),
        ("poison b", Fault::PanicsAt(STEPS)),
    ]));
    let engine = engine(&control);
    let prompts = ["poison a", "first", "poison b", "last"];
    let generations = prompts.map(|prompt| engine.submit(input(prompt)));
    assert_eq!(
        generations.map(result),
        [
            Err(BackendError::Panicked),
            images_of("first"),
            Err(BackendError::Panicked),
            images_of("last"),
        ]
    );
}

#[test]
fn a_panic_in_admit_fails_that_request_and_readmits_the_others() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicInAdmit)]));
    control.close();
    let engine = engine(&control);
    let running = engine.submit(input("running"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let poison = engine.submit(input("poison"));
    control.open();
    assert_eq!(result(poison), Err(BackendError::Panicked));
    assert_eq!(result(running), images_of("running"));
    assert!(engine.is_ready());
}

#[test]
fn a_panic_in_cancel_affects_no_other_request() {
    let control = FakeControl::with_faults(faults([
        ("cancelled a", Fault::PanicInCancel),
        ("cancelled b", Fault::PanicInCancel),
    ]));
    control.close();
    let engine = engine(&control);
    let prompts = ["cancelled a", "neighbour", "cancelled b"];
    let [a, neighbour, b] = prompts.map(|prompt| engine.submit(input(prompt)));
    control.let_pass(1);
    assert!(control.wait_until(|counts| counts.ticks == 2 && counts.admitted == 3));
    a.cancel_handle().cancel();
    b.cancel_handle().cancel();
    control.open();
    assert_eq!(result(a), Err(BackendError::Cancelled));
    assert_eq!(result(b), Err(BackendError::Cancelled));
    assert_eq!(result(neighbour), images_of("neighbour"));
    assert_eq!(
        control.counts().admitted,
        4,
        "the neighbour was admitted again"
    );
}

#[test]
fn loading_is_tried_twice_after_a_panic() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicsAt(1))]));
    let engine = engine_that_reloads_after(&control, 1);
    assert_eq!(
        result(engine.submit(input("poison"))),
        Err(BackendError::Panicked)
    );
    assert_eq!(result(engine.submit(input("next"))), images_of("next"));
    assert!(engine.is_ready());
}

#[test]
fn an_engine_that_cannot_be_rebuilt_is_not_ready_and_refuses_everything() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicsAt(1))]));
    control.close();
    let engine = engine_that_reloads_after(&control, 2);
    let poison = engine.submit(input("poison"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let waiting = engine.submit(input("waiting"));
    control.open();
    assert_eq!(result(poison), Err(BackendError::Panicked));
    assert_eq!(result(waiting), Err(BackendError::EngineStopped));
    assert_eq!(
        result(engine.submit(input("later"))),
        Err(BackendError::EngineStopped)
    );
    assert!(!engine.is_ready() && engine.is_gone());
}

#[test]
fn readiness_is_off_while_the_engine_is_rebuilt() {
    let control = FakeControl::with_faults(faults([("poison", Fault::PanicsAt(1))]));
    let (at_reload, reloading) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let (backend_control, mut first) = (control.clone(), true);
    let engine = EngineHandle::spawn("engine-test", move || {
        if !std::mem::take(&mut first) {
            at_reload.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
        Ok(Box::new(FakeBackend::new(&backend_control, 1)))
    })
    .unwrap();
    assert!(engine.is_ready());
    let poison = engine.submit(input("poison"));
    reloading.recv().unwrap();
    assert!(!engine.is_ready() && !engine.is_gone());
    let next = engine.submit(input("next"));
    go_on.send(()).unwrap();
    assert_eq!(result(poison), Err(BackendError::Panicked));
    assert_eq!(result(next), images_of("next"));
    assert!(engine.is_ready());
}
