//! A bar on a terminal, log lines elsewhere.

use std::io::{self, IsTerminal};

use indicatif::ProgressBar;

/// Shows how far a generation is.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` when nobody watches.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows nothing before the first step.
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(0));
        Self { bar }
    }

    /// `step` of `steps` denoising steps are done.
    pub(super) fn show(&mut self, step: usize, steps: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(steps as u64);
                bar.set_position(step as u64);
            }
            None => tracing::info!("step {step} of {steps}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
