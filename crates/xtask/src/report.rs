//! The one place of this crate that writes for people to read.

use std::fmt::Display;

/// Writes one line to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a developer command answers on standard output"
)]
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}

/// Opens a new section of the output.
pub(crate) fn heading(text: impl Display) {
    line(format_args!("\n==> {text}"));
}

/// Writes an error with all of its causes to standard error.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
