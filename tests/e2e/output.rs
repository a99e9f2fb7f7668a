//! What commands print when the reader closes the pipe, and on a full disk.

use std::fs::OpenOptions;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

use anyhow::Result;
use tempfile::TempDir;

use crate::program::executable;

/// The commands that print something and end by themselves.
const COMMANDS: [&[&str]; 6] = [
    &["openapi"],
    &["config", "print"],
    &["keys", "list"],
    &["models", "list"],
    &["doctor", "--preset", "demo"],
    &["--help"],
];

/// Runs a command with this standard output.
fn run(words: &[&str], stdout: impl Into<Stdio>) -> Result<Output> {
    let data = TempDir::new()?;
    let mut command = Command::new(executable()?);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("RUST_LOG", "off").args(words);
    command.env("FACEGEN__STORAGE__DATA_DIR", data.path());
    let child = command.stdout(stdout).stderr(Stdio::piped()).spawn()?;
    // Only the program may hold the other end of a pipe.
    drop(command);
    Ok(child.wait_with_output()?)
}

#[test]
fn a_closed_pipe_is_no_error() -> Result<()> {
    for words in COMMANDS {
        let (reader, writer) = pipe()?;
        drop(reader);
        let output = run(words, writer)?;
        let stderr_text = String::from_utf8(output.stderr)?;
        assert!(output.status.success(), "{words:?}: {stderr_text}");
        assert_eq!(stderr_text, "", "{words:?}");
    }
    Ok(())
}

#[test]
fn a_full_disk_is_reported_as_an_error() -> Result<()> {
    // Without keys there is nothing to list, and clap prints the help.
    for words in COMMANDS
        .iter()
        .filter(|words| !["keys", "--help"].contains(&words[0]))
    {
        let full = OpenOptions::new().write(true).open("/dev/full")?;
        let output = run(words, full)?;
        let stderr_text = String::from_utf8(output.stderr)?;
        assert!(!output.status.success(), "{words:?}");
        assert!(
            stderr_text.contains("cannot write to standard output"),
            "{words:?}: {stderr_text}"
        );
    }
    Ok(())
}

#[test]
fn a_key_that_could_not_be_printed_is_revoked() -> Result<()> {
    let data = TempDir::new()?;
    let command = |words: &[&str]| -> Result<Command> {
        let mut command = Command::new(executable()?);
        command.args(words).arg("--data-dir").arg(data.path());
        Ok(command)
    };
    let (reader, writer) = pipe()?;
    drop(reader);
    let made = command(&["keys", "create", "app"])?
        .stdout(writer)
        .status()?;
    assert!(!made.success());
    let list = command(&["keys", "list"])?.output()?.stdout;
    assert!(String::from_utf8(list)?.contains("app\trevoked"));
    Ok(())
}
