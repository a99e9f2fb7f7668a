//! Where log lines go: to standard error, so that standard output stays for
//! results.
//!
//! | chapter | holds |
//! |---|---|
//! | [`lossy`] | a writer that loses lines rather than hold anybody up |
//! | [`private`] | what no setting brings into the log |

mod lossy;
mod private;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::sections::LogFormat;
pub(crate) use lossy::{LostLines, ServerLog};

/// How long the last words of a program may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Starts logging for a command that ends by itself: at `info` when standard
/// error is read by a machine, at `warn` when a person watches a progress bar
/// there, and otherwise as the environment variable `RUST_LOG` says.
///
/// Prompts and photos are logged at no level; what could show them prints
/// only its length.
pub(crate) fn init() {
    let watched = io::stderr().is_terminal();
    let level = if watched { "warn" } else { "info" };
    start(level, LogFormat::Text, io::stderr);
}

/// Starts logging for the server, until the result is dropped: at `info` unless
/// `RUST_LOG` says otherwise.
///
/// Of a panic only its place is logged: its text may quote what it was about.
///
/// # Errors
/// There is no thread or no file for it.
pub(crate) fn init_server(format: LogFormat) -> io::Result<ServerLog> {
    // Of its own: a write that blocks must not hold the lock of standard error.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let (writer, log) = lossy::start(stderr)?;
    start("info", format, writer);
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    Ok(log)
}

fn start<W>(level: &str, format: LogFormat, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let lines = lines(format, writer).with_filter(chosen);
    // A second filter, as a first one is overridden by whoever is more specific.
    tracing_subscriber::registry()
        .with(lines.with_filter(private::filter()))
        .init();
}

/// What writes lines. One that cannot be written is nobody's fault here, and to
/// say so on standard error would be to panic.
fn lines<W>(format: LogFormat, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

/// Writes why a program fails to standard error, if somebody reads there.
pub(crate) fn last_words(text: &impl Display) {
    let text = text.to_string();
    let (done, written) = mpsc::channel();
    let write = move || {
        // Nobody is left to tell if standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = done.send(());
    };
    // A pipe that nobody reads would hold the process for ever.
    if Builder::new().spawn(write).is_ok() {
        let _ = written.recv_timeout(LAST_WORDS);
    }
}
