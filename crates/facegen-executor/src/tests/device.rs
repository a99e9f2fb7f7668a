//! A lost device costs what a panic costs: one request, not the queue.

use facegen_core::request::ImageSize;

use super::*;

fn lost() -> BackendError {
    BackendError::DeviceLost("CUDA_ERROR_ILLEGAL_ADDRESS".into())
}

#[test]
fn a_device_lost_in_a_shared_tick_fails_exactly_the_one_at_fault() {
    let control = FakeControl::with_faults(faults([("poison", Fault::FailsAt(4, lost()))]));
    control.close();
    let engine = engine_that_stays_lost(&control);
    let prompts = ["first", "poison", "third"];
    let generations = prompts.map(|prompt| engine.submit(input(prompt)));
    control.open();
    let [first, poison, third] = generations.map(drain);
    assert_eq!(poison.1, Err(lost()));
    for (prompt, (progress, images)) in [("first", first), ("third", third)] {
        assert_eq!(progress, (1..=STEPS).collect::<Vec<_>>(), "{prompt}");
        assert_eq!(images, images_of(prompt));
    }
    assert!(engine.is_ready());
}

#[test]
fn a_device_lost_in_admit_fails_no_request_before_each_ran_alone() {
    let control = FakeControl::with_faults(faults([("poison", Fault::Refused(lost()))]));
    control.close();
    let engine = engine_that_stays_lost(&control);
    let running = engine.submit(input("running"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let poison = engine.submit(input("poison"));
    let next = engine.submit(input("next"));
    control.open();
    assert_eq!(result(poison), Err(lost()));
    assert_eq!(result(running), images_of("running"));
    assert_eq!(result(next), images_of("next"));
    assert!(engine.is_ready());
}

#[test]
fn an_engine_whose_device_stays_lost_is_gone_but_not_its_queue() {
    let control = FakeControl::with_faults(faults([("poison", Fault::FailsAt(1, lost()))]));
    control.close();
    let engine = engine_that_reloads_after(&control, 2);
    let poison = engine.submit(input("poison"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let waiting = engine.submit(input("waiting"));
    control.open();
    assert_eq!(result(poison), Err(lost()));
    assert_eq!(result(waiting), Err(BackendError::EngineStopped));
    assert!(!engine.is_ready() && engine.is_gone());
}

#[test]
fn suspects_fail_with_engine_broke_when_the_device_stays_lost() {
    let control = FakeControl::with_faults(faults([("poison", Fault::FailsAt(2, lost()))]));
    control.close();
    let engine = engine_that_reloads_after(&control, 2);
    let suspects = ["poison", "neighbour"].map(|prompt| engine.submit(input(prompt)));
    assert!(control.wait_until(|counts| counts.ticks == 1 && counts.admitted >= 1));
    control.let_pass(1);
    assert!(control.wait_until(|counts| counts.admitted == 2 && counts.ticks >= 2));
    let waiting = engine.submit(input("waiting"));
    control.open();
    for suspect in suspects {
        assert_eq!(result(suspect), Err(BackendError::EngineBroke));
    }
    assert_eq!(result(waiting), Err(BackendError::EngineStopped));
    assert!(engine.is_gone());
}

/// Returns an engine whose backends behave as CUDA after an illegal address:
/// each further call fails as well, until it is loaded again.
fn engine_that_stays_lost(control: &FakeControl) -> EngineHandle {
    control.set_capacity(CAPACITY);
    let control = control.clone();
    EngineHandle::spawn("engine-test", move || {
        let backend = FakeBackend::new(&control, 4);
        Ok(Box::new(Sticky {
            backend,
            lost: false,
        }))
    })
    .unwrap()
}

struct Sticky {
    backend: FakeBackend,
    lost: bool,
}

impl Backend for Sticky {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        if self.lost {
            return Err(lost());
        }
        let admitted = self.backend.admit(input);
        self.lost |= admitted == Err(lost());
        admitted
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        let mut events = self.backend.tick();
        for event in &mut events {
            let slot = event.slot();
            self.lost |= matches!(event, SlotEvent::Failed { .. });
            if self.lost {
                let error = lost();
                *event = SlotEvent::Failed { slot, error };
            }
        }
        events
    }

    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        self.backend.find_faces(photo)
    }

    fn cancel(&mut self, slot: Slot) {
        self.backend.cancel(slot);
    }

    fn active(&self) -> usize {
        self.backend.active()
    }

    fn capacity(&self, size: ImageSize) -> Capacity {
        self.backend.capacity(size)
    }
}
