//! Tests and a bench that are too long for every change.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The test of [`barriers`].
const BARRIERS_TEST: &str = "every_barrier_is_needed";

/// The tests of [`parity`], and the directory of the reference's results.
const PARITY_TESTS: [&str; 2] = [
    "parity::every_module_and_the_image_are_those_of_the_reference",
    "vision::full::a_directory_of_full_networks_computes_what_onnxruntime_does",
];
const PARITY_DIRECTORY: &str = "FACEGEN_PARITY";

/// Runs the test that takes each barrier away.
pub(super) fn barriers(workspace: &Workspace) -> Result<String> {
    let mut command = process::cargo();
    command.args([
        "test",
        "--package",
        "facegen-nn",
        "--test",
        "device_kernels",
    ]);
    command.args(["--", "--nocapture"]);
    let mut result = String::new();
    let started = Instant::now();
    run_ignored(workspace, &mut command, BARRIERS_TEST, |line| {
        if let Some((_, needed)) = line.split_once("barriers: ") {
            needed.clone_into(&mut result);
        }
    })?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    Ok(format!("{result}, in {minutes:.1} minutes"))
}

/// Compares full-size models with the results of `tests/golden/python/full_size.py`.
#[expect(
    clippy::disallowed_methods,
    reason = "the directory is handed on to the tests in the same way"
)]
pub(super) fn parity(workspace: &Workspace) -> Result<String> {
    let directory = std::env::var(PARITY_DIRECTORY).with_context(|| {
        format!(
            "{PARITY_DIRECTORY} must name the directory that tests/golden/python/full_size.py wrote"
        )
    })?;
    let mut worst = Vec::new();
    for test in PARITY_TESTS {
        let mut command = process::cargo();
        command.args(["test", "--workspace", "--test", "golden", "--"]);
        command.arg("--nocapture");
        command
            .env(PARITY_DIRECTORY, &directory)
            .env("FACEGEN_FULL_FACES", &directory);
        run_ignored(workspace, &mut command, test, |line| {
            if let Some(result) = line.strip_prefix("full_") {
                worst.push(result.to_owned());
            }
        })?;
    }
    Ok(worst.join("; "))
}

/// Runs the long form of the bench of the queue.
pub(super) fn soak(workspace: &Workspace) -> Result<String> {
    let mut command = process::cargo();
    command.args(["bench", "--profile", "dev", "--bench", "queue"]);
    command.args(["--", "--soak"]);
    let mut result = None;
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        if let Some(found) = line.strip_prefix("soak: ") {
            result = Some(found.to_owned());
        }
    })?;
    process::success("cargo bench", status)?;
    result.context("it printed no result")
}

/// Runs one ignored test. Fails when no test has that name.
pub(super) fn run_ignored(
    workspace: &Workspace,
    command: &mut Command,
    test: &str,
    mut read: impl FnMut(&str),
) -> Result<()> {
    command.args(["--ignored", "--exact", test]);
    let mut passed = false;
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        passed |= line.contains("1 passed");
        read(line);
    })?;
    process::success("cargo test", status)?;
    ensure!(passed, "the test did not run");
    Ok(())
}
