//! Logging to standard error; standard output is for results.

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

use crate::config::environment::Environment;
use crate::config::sections::LogFormat;
pub(crate) use lossy::{LostLines, ServerLog};

/// The timeout of a program's last message.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Starts logging for a command that ends by itself: by default at `warn` when
/// standard error is a terminal, which shows a progress bar, else at `info`;
/// `RUST_LOG` overrides that.
///
/// No level logs prompts or photos; types that hold them print only a length.
pub(crate) fn init() {
    start(level_for_people(), LogFormat::Text, io::stderr);
}

/// Returns the level of a log that a person may watch.
pub(crate) fn level_for_people() -> &'static str {
    let is_watched = io::stderr().is_terminal();
    if is_watched { "warn" } else { "info" }
}

/// Starts logging for the server, until the result is dropped: at `level` unless
/// `RUST_LOG` is set.
///
/// Of a panic only the location is logged: its message can contain user data.
///
/// # Errors
/// Fails when there is no thread or no file descriptor for it.
pub(crate) fn init_server(format: LogFormat, level: &str) -> io::Result<ServerLog> {
    // A descriptor of its own: a blocked write must not hold the lock of
    // stderr.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let (writer, log) = lossy::start(stderr)?;
    start(level, format, writer);
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
    let colours = io::stderr().is_terminal() && !Environment::of_process().no_color();
    let lines = lines(format, colours, writer).with_filter(chosen);
    // A second filter, as more specific directives override those of the first.
    tracing_subscriber::registry()
        .with(lines.with_filter(private::filter()))
        .init();
}

/// Returns the layer that writes lines, as text in colours if they are wanted. Write errors are ignored: reporting
/// them on standard error would panic.
fn lines<W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

/// Writes why the program fails to standard error, if that is possible.
pub(crate) fn last_words(text: &impl Display) {
    let text = text.to_string();
    let (done, written) = mpsc::channel();
    let write = move || {
        // A closed standard error leaves no way to report anything.
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = done.send(());
    };
    // A pipe that is not read would block the process for ever.
    if Builder::new().spawn(write).is_ok() {
        let _ = written.recv_timeout(LAST_WORDS);
    }
}
