//! Searches for faces, between the steps of jobs.

use facegen_core::FaceSearch;

use super::*;

fn photo() -> RgbImage {
    RgbImage::new(4, 4, vec![9; 48]).unwrap()
}

/// The face that the fake backend finds in [`photo`].
fn found() -> Vec<FoundFace> {
    vec![FoundFace {
        score: 0.9,
        bounding_box: [1.0, 1.0, 3.0, 3.0],
    }]
}

fn wait(search: FaceSearch) -> Result<Vec<FoundFace>, BackendError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(search)
}

#[test]
fn an_idle_engine_searches_at_once() {
    let control = FakeControl::new();
    let engine = engine(&control);
    assert_eq!(wait(engine.find_faces(photo())), Ok(found()));
    let black = RgbImage::new(1, 1, vec![0; 3]).unwrap();
    assert_eq!(wait(engine.find_faces(black)), Ok(Vec::new()));
    let counts = control.counts();
    assert_eq!((counts.searches, counts.ticks), (2, 0));
}

#[test]
fn a_search_runs_between_two_steps_and_changes_no_image() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let generation = engine.submit(input("alone"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let searches = [photo(), photo()].map(|photo| engine.find_faces(photo));
    assert_eq!(control.counts().searches, 0, "a step is not interrupted");
    for searched in 1..=2 {
        control.let_pass(1);
        assert!(control.wait_until(|counts| counts.ticks == searched + 1));
        assert_eq!(control.counts().searches, searched, "one between two steps");
    }
    for search in searches {
        assert_eq!(wait(search), Ok(found()));
    }
    control.open();
    let (progress, images) = drain(generation);
    assert_eq!(progress, (1..=STEPS).collect::<Vec<_>>());
    assert_eq!(images, images_of("alone"));
}

#[test]
fn only_so_many_searches_wait_and_abandoned_ones_are_skipped() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let generation = engine.submit(input("alone"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let mut searches: Vec<FaceSearch> = (0..4).map(|_| engine.find_faces(photo())).collect();
    let refused = wait(engine.find_faces(photo()));
    assert_eq!(refused, Err(BackendError::QueueFull));
    let last = searches.pop().unwrap();
    drop(searches);
    control.let_pass(1);
    assert_eq!(wait(last), Ok(found()));
    assert_eq!(control.counts().searches, 1);
    assert_eq!(
        wait_with_open(&control, &engine),
        Ok(found()),
        "there is room"
    );
    assert_eq!(result(generation), images_of("alone"));
}

fn wait_with_open(
    control: &FakeControl,
    engine: &EngineHandle,
) -> Result<Vec<FoundFace>, BackendError> {
    control.open();
    wait(engine.find_faces(photo()))
}

#[test]
fn a_search_at_an_engine_that_ends_ends_with_it() {
    let control = FakeControl::new();
    control.close();
    let engine = engine(&control);
    let _generation = engine.submit(input("alone"));
    assert!(control.wait_until(|counts| counts.ticks == 1));
    let search = engine.find_faces(photo());
    engine.close();
    control.open();
    drop(engine);
    assert_eq!(wait(search), Err(BackendError::EngineStopped));
}
