//! Child processes: printed before they run, and an error when they fail.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::iter;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::report;

/// Returns a command of the cargo that built this program.
pub(crate) fn cargo() -> Command {
    Command::new(env!("CARGO"))
}

/// Runs `command` to its end, with this program's standard output and error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = announce(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start {shown}"))?;
    success(&shown, status)
}

/// Runs `command` to its end; prints each line of its standard output and passes it to `read`.
///
/// A failing status is no error here: the caller has read the lines and decides.
pub(crate) fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Result<ExitStatus> {
    let shown = announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            report::line(&line);
            read(&line);
        }
    }
    Ok(child.wait()?)
}

/// Runs `command` and kills it after `limit`. Returns whether it succeeded in time.
pub(crate) fn succeeds_within(limit: Duration, command: &mut Command) -> Result<bool> {
    let mut child = start(command)?;
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(Duration::from_millis(100));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

/// Starts `command` in the background.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    let shown = announce(command);
    command
        .spawn()
        .with_context(|| format!("cannot start {shown}"))
}

/// Runs `command` without printing and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {shown}"))?;
    success(&shown, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("{shown} did not answer in UTF-8"))
}

/// Fails unless `status` is a success.
pub(crate) fn success(shown: &str, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "{shown} failed with {status}");
    Ok(())
}

fn announce(command: &Command) -> String {
    let shown = show(command);
    report::line(format_args!("$ {shown}"));
    shown
}

/// Formats the command line as a person would type it, the program by its bare name.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = iter::once(program).chain(command.get_args());
    words.map(quote).collect::<Vec<_>>().join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', ',', '"', '*']) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = run(Command::new("false").arg("some word")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "false 'some word' failed with exit status: 1"
        );
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start no-such-program");
    }

    #[test]
    fn a_command_that_takes_too_long_is_killed() {
        let limit = Duration::from_secs(20);
        assert!(succeeds_within(limit, &mut Command::new("true")).unwrap());
        assert!(!succeeds_within(limit, &mut Command::new("false")).unwrap());
        let mut slow = Command::new("sleep");
        assert!(!succeeds_within(Duration::ZERO, slow.arg("1000")).unwrap());
    }

    #[test]
    fn lines_are_read_and_the_status_is_kept() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let status = run_reading(&mut command, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(
            (lines, status.code()),
            (vec!["one".to_owned(), "two".to_owned()], Some(3))
        );
    }
}
