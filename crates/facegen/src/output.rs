//! Standard output of commands.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a text. A reader that closes the pipe early, as `head` does, is no
/// error.
///
/// # Errors
/// Fails when standard output cannot be written, e.g. because its disk is full.
pub(crate) fn print(text: &str) -> Result<()> {
    let printed = write(&mut io::stdout().lock(), text);
    unless_enough(printed).context("cannot write to standard output")
}

/// Prints a text that is shown only once, so that it must be read.
///
/// # Errors
/// Fails when standard output is closed or cannot be written.
pub(crate) fn print_once(text: &str) -> Result<()> {
    let printed = write(&mut io::stdout().lock(), text);
    printed.context("cannot write to standard output")
}

/// Prints a line.
///
/// # Errors
/// Fails as [`print()`] does.
pub(crate) fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes and flushes in one go, so that a reader gets all or nothing of a
/// short text.
fn write(output: &mut impl Write, text: &str) -> io::Result<()> {
    output.write_all(text.as_bytes())?;
    output.flush()
}

fn unless_enough(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        assert!(unless_enough(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(unless_enough(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
