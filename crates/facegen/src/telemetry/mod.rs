//! Where log lines go: to standard error, so that standard output stays for
//! results.

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;

use crate::config::sections::LogFormat;

/// Libraries that spell out at their lowest levels what nobody may read there:
/// prompts, signed URLs, and the names of objects in a bucket.
const LIMITS: [&str; 4] = [
    "tokenizers=warn",
    "ureq=warn",
    "ureq_proto=warn",
    "aws_=warn",
];

/// Starts logging for a command that ends by itself: at `info` when standard
/// error is read by a machine, at `warn` when a person watches a progress bar
/// there, and otherwise as the environment variable `RUST_LOG` says.
///
/// Prompts and photographs are logged at no level; what could show them prints
/// only its length.
pub(crate) fn init() {
    let watched = io::stderr().is_terminal();
    start(if watched { "warn" } else { "info" }, LogFormat::Text);
}

/// Starts logging for the server: at `info` unless `RUST_LOG` says otherwise.
///
/// Of a panic only its place is logged: its text may quote what it was about.
pub(crate) fn init_server(format: LogFormat) {
    start("info", format);
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

fn start(level: &str, format: LogFormat) {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    for limit in LIMITS {
        if let Ok(limit) = limit.parse() {
            filter = filter.add_directive(limit);
        }
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}
