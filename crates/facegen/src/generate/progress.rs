//! Progress of a generation: a bar on a terminal, log lines elsewhere.

use std::io::{self, IsTerminal};

use indicatif::ProgressBar;

/// The progress display of a generation.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Creates a display that shows nothing before the first step.
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(0));
        Self { bar }
    }

    /// Shows that `step` of `steps` denoising steps are done.
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
