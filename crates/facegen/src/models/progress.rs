//! Progress of fetching: one bar for all files on a terminal, log lines
//! elsewhere.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use facegen_hub::PullEvent;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// The interval of log lines about the same file.
const PERIOD: Duration = Duration::from_secs(5);

/// The bar of all files; its first line is cut off where the terminal ends.
const TEMPLATE: &str = "{wide_msg}\n{prefix} {bytes}/{total_bytes} [{wide_bar}] {percent}% \
                        {bytes_per_sec}, {eta} left";

/// The progress display of fetching.
#[derive(Debug)]
pub(super) struct Progress {
    is_watched: bool,
    tally: RefCell<Tally>,
    shown: RefCell<Shown>,
}

/// How far all files are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    files: usize,
    size: u64,
    /// Which file is being fetched, from 1 on.
    number: usize,
    /// The size of the files that are complete.
    complete: u64,
    /// The bytes of the current file, and its size.
    current: (u64, u64),
}

impl Tally {
    fn plan(&mut self, files: usize, size: u64) {
        self.files += files;
        self.size += size;
    }

    fn start(&mut self, done: u64, size: u64) {
        self.number += 1;
        self.current = (done, size);
    }

    fn advance(&mut self, done: u64) {
        self.current.0 = done;
    }

    fn finish(&mut self) {
        let (_, size) = std::mem::take(&mut self.current);
        self.complete += size;
    }

    /// The bytes of all files on disk.
    fn done(&self) -> u64 {
        self.complete + self.current.0
    }

    fn percent(&self) -> u64 {
        let hundred = self.done().saturating_mul(100);
        hundred.checked_div(self.size).unwrap_or(100)
    }

    fn file(&self) -> String {
        format!("file {} of {}", self.number, self.files)
    }
}

/// What shows the tally.
#[derive(Debug, Default)]
struct Shown {
    file: String,
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
    logged: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_watched: io::stderr().is_terminal(),
            tally: RefCell::default(),
            shown: RefCell::default(),
        }
    }

    /// Shows one event.
    pub(super) fn hear(&self, event: &PullEvent<'_>) {
        match *event {
            PullEvent::Waiting => {
                tracing::warn!("waiting for another process that fetches models");
            }
            PullEvent::Checking { file } => tracing::info!(file, "verifying"),
            PullEvent::Planned {
                host,
                files,
                done,
                size,
            } => self.plan(host, files, done, size),
            PullEvent::Kept { file, size } => {
                let mut tally = self.tally.borrow_mut();
                tally.start(size, size);
                tally.finish();
                tracing::info!(file, "verified, on disk already");
            }
            PullEvent::Started { file, done, size } => self.start(file, done, size),
            PullEvent::Advanced { done } => self.advance(done),
            PullEvent::Interrupted { file, reason } => {
                let shown = self.shown.borrow();
                let warn = || tracing::warn!(file, %reason, "interrupted, trying again");
                // The line must not tear the bar.
                match &shown.bar {
                    Some(bar) => bar.suspend(warn),
                    None => warn(),
                }
            }
            PullEvent::Finished { file } => {
                self.tally.borrow_mut().finish();
                tracing::info!(file, "fetched and verified");
            }
        }
    }

    fn plan(&self, host: &str, files: usize, done: u64, size: u64) {
        let mut tally = self.tally.borrow_mut();
        tally.plan(files, size);
        let (here, total) = (HumanBytes(done), HumanBytes(size));
        tracing::info!(host, files, size = %total, %here, "files to fetch");
        let mut shown = self.shown.borrow_mut();
        if self.is_watched {
            shown.bar.get_or_insert_with(bar).set_length(tally.size);
        }
    }

    fn start(&self, file: &str, done: u64, size: u64) {
        let mut tally = self.tally.borrow_mut();
        tally.start(done, size);
        let mut shown = self.shown.borrow_mut();
        file.clone_into(&mut shown.file);
        match &shown.bar {
            Some(bar) => {
                bar.set_message(file.to_owned());
                bar.set_prefix(tally.file());
                bar.set_position(tally.done());
                // Bytes that were here before count for no speed.
                bar.tick();
                if done > 0 {
                    bar.reset_eta();
                }
            }
            None => shown.log(&tally),
        }
    }

    fn advance(&self, done: u64) {
        let mut tally = self.tally.borrow_mut();
        tally.advance(done);
        let mut shown = self.shown.borrow_mut();
        let is_due = |logged: Instant| logged.elapsed() >= PERIOD;
        match &shown.bar {
            Some(bar) => bar.set_position(tally.done()),
            None if shown.logged.is_none_or(is_due) => shown.log(&tally),
            None => {}
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

impl Shown {
    fn log(&mut self, tally: &Tally) {
        let (done, size) = (HumanBytes(tally.done()), HumanBytes(tally.size));
        let (number, files, percent) = (tally.number, tally.files, tally.percent());
        let file = &self.file;
        tracing::info!(file, number, files, %done, %size, percent, "fetching");
        self.logged = Some(Instant::now());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_count_together_also_those_that_others_name() {
        let progress = Progress::new();
        let hear = |event| progress.hear(&event);
        let (host, file) = ("hub.example", "a/b/c");
        hear(PullEvent::Planned {
            host,
            files: 2,
            done: 40,
            size: 300,
        });
        hear(PullEvent::Kept { file, size: 40 });
        let (done, size) = (60, 260);
        hear(PullEvent::Started { file, done, size });
        let shown = |tally: &Tally| (tally.file(), tally.done(), tally.percent());
        let expected = ("file 2 of 2".to_owned(), 100, 33);
        assert_eq!(shown(&progress.tally.borrow()), expected);
        hear(PullEvent::Advanced { done: 260 });
        hear(PullEvent::Finished { file });
        assert_eq!(progress.tally.borrow().percent(), 100);
        hear(PullEvent::Planned {
            host,
            files: 1,
            done: 0,
            size: 100,
        });
        let (done, size) = (0, 100);
        hear(PullEvent::Started { file, done, size });
        let expected = ("file 3 of 3".to_owned(), 300, 75);
        assert_eq!(shown(&progress.tally.borrow()), expected);
    }

    #[test]
    fn nothing_to_fetch_is_complete() {
        assert_eq!(Tally::default().percent(), 100);
    }
}
