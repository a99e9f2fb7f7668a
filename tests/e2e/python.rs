//! Python programs, with the packages that `cargo xtask test` installs.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The packages, next to the directory of temporary files.
const PACKAGES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../tools/python");

/// Returns a command of Python that finds the packages.
pub(crate) fn python() -> Result<Command> {
    ensure!(
        Path::new(PACKAGES).is_dir(),
        "the packages of Python are not there: run `cargo xtask test --only python`"
    );
    let mut command = Command::new("python3");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("PYTHONPATH", PACKAGES);
    Ok(command)
}

/// Runs a command to its end with this input, and returns what it prints.
pub(crate) fn printed(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let mut stdin = process.stdin.take().context("no input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = process.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{}: {text}", output.status);
    Ok(text)
}
