//! Output for people; no other file prints.

use std::fmt::Display;

/// Writes one line to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a developer command answers on standard output"
)]
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}

/// Begins a section of the output.
pub(crate) fn heading(text: impl Display) {
    line(format_args!("\n==> {text}"));
}

/// Writes an error with all of its causes to standard error.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
