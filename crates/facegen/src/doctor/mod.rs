//! `facegen doctor`: checks whether a server with these settings would work.

mod models;
mod stores;

use std::fmt::Display;

use anyhow::{Result, anyhow};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::{Failure, with_causes};
use crate::output;

/// Checks everything that a server needs and prints a line for each check.
/// Fails when one of them fails.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let config = Config::load(arguments, &Environment::of_process())?;
    let mut report = Report::default();
    report.line("ok", "facegen", env!("CARGO_PKG_VERSION"))?;
    report.line("ok", "memory", memory())?;
    stores::check(&config, &mut report)?;
    if config.server.role.makes_images() {
        models::check(&config, &mut report)?;
    }
    report.end()
}

/// The printed lines, with the number of failures.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failed: usize,
}

impl Report {
    /// Prints the result of a check and returns its value, if it succeeded.
    pub(crate) fn check<T>(
        &mut self,
        what: &str,
        result: Result<T>,
        words: impl FnOnce(&T) -> String,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => {
                self.line("ok", what, words(&value))?;
                Ok(Some(value))
            }
            Err(error) => {
                self.failed += 1;
                self.line("FAILED", what, with_causes(&error))?;
                Ok(None)
            }
        }
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, state: &str, what: &str, words: impl Display) -> Result<()> {
        output::line(&format!("{state:<7} {what:<15} {words}"))
    }

    /// Fails when a check has failed.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self.failed {
            0 => Ok(()),
            1 => Err(anyhow!("1 check failed").into()),
            failed => Err(anyhow!("{failed} checks failed").into()),
        }
    }
}

/// Describes the machine's memory, as far as the system reports it.
fn memory() -> String {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let gigabytes = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes / 1e6)
    };
    match (gigabytes("MemTotal:"), gigabytes("MemAvailable:")) {
        (Some(total), Some(free)) => format!("{free:.1} of {total:.1} GB are free"),
        _ => "unknown".to_owned(),
    }
}
