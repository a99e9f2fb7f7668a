//! Crashes and hangs in the middle of a job, to prove that nothing is lost.

use std::process;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use facegen_core::request::ImageSize;
use facegen_core::{
    Backend, BackendError, Capacity, FoundFace, GenerationInput, GenerationRequest, RgbImage, Slot,
    SlotEvent,
};
use facegen_jobs::{Checkpoint, Observer};

use crate::config::sections::TestingSection;

const CHECKPOINTS: [(&str, Checkpoint); 8] = [
    ("accepted", Checkpoint::Accepted),
    ("inserted", Checkpoint::Inserted),
    ("enqueued", Checkpoint::Enqueued),
    ("claimed", Checkpoint::Claimed),
    ("denoising", Checkpoint::Denoising),
    ("encoded", Checkpoint::Encoded),
    ("stored", Checkpoint::Stored),
    ("finishing", Checkpoint::Finishing),
];

/// Returns an observer that halts or aborts at the configured checkpoint.
///
/// # Errors
/// Fails when the config names an unknown checkpoint.
pub(super) fn observer(testing: &TestingSection) -> Result<Observer> {
    let halt_at = checkpoint(&testing.halt_at)?;
    let abort_at = checkpoint(&testing.abort_at)?;
    let prompt = testing.prompt.clone();
    Ok(Arc::new(move |reached, request: &GenerationRequest| {
        if !prompt.is_empty() && request.spec.prompt() != prompt {
            return;
        }
        if halt_at == Some(reached) {
            tracing::warn!("halted at {}", name(reached));
            // Other tasks need this thread to get their responses.
            tokio::task::block_in_place(|| {
                loop {
                    thread::park();
                }
            });
        }
        if abort_at == Some(reached) {
            process::abort();
        }
    }))
}

fn checkpoint(text: &str) -> Result<Option<Checkpoint>> {
    if text.is_empty() {
        return Ok(None);
    }
    let known = CHECKPOINTS.iter().find(|(name, _)| *name == text);
    let (_, checkpoint) =
        known.with_context(|| format!("testing: no checkpoint is called {text}"))?;
    Ok(Some(*checkpoint))
}

fn name(checkpoint: Checkpoint) -> &'static str {
    let known = CHECKPOINTS.iter().find(|(_, known)| *known == checkpoint);
    known.map_or("", |(name, _)| name)
}

/// A backend that hangs at its first step.
pub(super) struct Hanging(pub(super) Box<dyn Backend>);

impl Backend for Hanging {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        self.0.admit(input)
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        tracing::warn!("the engine hangs on purpose");
        loop {
            thread::park();
        }
    }

    fn find_faces(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, BackendError> {
        self.0.find_faces(photo)
    }

    fn cancel(&mut self, slot: Slot) {
        self.0.cancel(slot);
    }

    fn active(&self) -> usize {
        self.0.active()
    }

    fn capacity(&self, size: ImageSize) -> Capacity {
        self.0.capacity(size)
    }
}
