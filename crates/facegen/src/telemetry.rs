//! Where log lines go: to standard error, so that standard output stays for
//! results.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts logging: at `info` when standard error is read by a machine, at
/// `warn` when a person watches a progress bar there, and otherwise as the
/// environment variable `RUST_LOG` says.
///
/// Prompts and photographs are logged at no level; what could show them prints
/// only its length.
pub(crate) fn init() {
    let terminal = io::stderr().is_terminal();
    let level = if terminal { "warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal)
        .with_writer(io::stderr)
        .init();
}
