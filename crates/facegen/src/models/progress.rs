//! Progress of fetching: bars on a terminal, log lines elsewhere.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use facegen_hub::PullEvent;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// The interval of log lines about the same file.
const PERIOD: Duration = Duration::from_secs(5);

/// The progress bar of a file.
const TEMPLATE: &str =
    "{msg} {bytes}/{total_bytes} [{wide_bar}] {percent}% {bytes_per_sec}, {eta} left";

/// The progress display of fetching.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    file: RefCell<Option<FileProgress>>,
}

#[derive(Debug)]
struct FileProgress {
    name: String,
    size: u64,
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
    logged: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_watched: io::stderr().is_terminal(),
            file: RefCell::new(None),
        }
    }

    /// Shows one event.
    pub(super) fn hear(&self, event: &PullEvent<'_>) {
        match *event {
            PullEvent::Waiting => {
                tracing::warn!("waiting for another process that fetches models");
            }
            PullEvent::Checking { file } => tracing::info!(file, "verifying"),
            PullEvent::Started { file, done, size } => {
                let started = FileProgress::new(file, size, self.is_watched);
                started.log(done);
                self.file.replace(Some(started));
            }
            PullEvent::Advanced { done } => {
                if let Some(file) = &mut *self.file.borrow_mut() {
                    file.advance(done);
                }
            }
            PullEvent::Interrupted { file, reason } => {
                tracing::warn!(file, %reason, "interrupted, trying again");
            }
            PullEvent::Finished { file } => {
                self.file.replace(None);
                tracing::info!(file, "fetched and verified");
            }
        }
    }
}

impl FileProgress {
    fn new(name: &str, size: u64, is_watched: bool) -> Self {
        let bar = is_watched.then(|| {
            let style = ProgressStyle::with_template(TEMPLATE);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(size)
                .with_style(style)
                .with_message(name.to_owned())
        });
        Self {
            name: name.to_owned(),
            size,
            bar,
            logged: Instant::now(),
        }
    }

    fn advance(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.logged.elapsed() >= PERIOD {
            self.log(done);
            self.logged = Instant::now();
        }
    }

    fn log(&self, done: u64) {
        let percent = done
            .saturating_mul(100)
            .checked_div(self.size)
            .unwrap_or(100);
        let (done, size) = (HumanBytes(done), HumanBytes(self.size));
        tracing::info!(file = self.name, %done, %size, percent, "fetching");
    }
}

impl Drop for FileProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
