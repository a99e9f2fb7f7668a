//! Progress of a generation: a bar on a terminal, log lines elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with the time that is left.
const TEMPLATE: &str = "{wide_bar} step {pos} of {len}, {eta} left";

/// Shows on a terminal that models are being loaded, which can take minutes.
pub(super) fn while_loading<T>(load: impl FnOnce() -> T) -> T {
    let spinner = io::stderr().is_terminal().then(ProgressBar::new_spinner);
    if let Some(spinner) = &spinner {
        spinner.set_message("loading the models");
        spinner.enable_steady_tick(Duration::from_millis(120));
    }
    let loaded = load();
    if let Some(spinner) = &spinner {
        spinner.finish_and_clear();
    }
    loaded
}

/// The progress display of a generation.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Creates a display that shows nothing before the first step.
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE);
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
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
