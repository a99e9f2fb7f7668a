//! Whole builds from nothing: a new clone, the image's steps, a new machine.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// The longest time that [`cold`] may take.
const COLD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Clones the last commit, runs its `.ci/run` as CI would, and measures the time.
pub(super) fn cold(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("cold");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let clone = directory.join("clone");
    process::run(
        Command::new("git")
            .arg("clone")
            .arg(&workspace.root)
            .arg(&clone),
    )?;
    let mut command = Command::new("bash");
    command
        .arg(".ci/run")
        .current_dir(&clone)
        .stdin(Stdio::null());
    command
        .env("CI", "true")
        .env("XDG_CACHE_HOME", directory.join("cache"));
    let started = Instant::now();
    process::run(&mut command)?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    fs::remove_dir_all(&directory)?;
    ensure!(
        started.elapsed() <= COLD_LIMIT,
        "it took {minutes:.1} minutes"
    );
    Ok(format!("{minutes:.1} minutes"))
}

/// Runs the steps of the Dockerfile on the files that git tracks.
pub(super) fn image(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("image");
    let started = Instant::now();
    let mut command = Command::new("python3");
    command.args(["docker/build_steps.py", "docker/Dockerfile"]);
    process::run(command.arg(&directory).current_dir(&workspace.root))?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    fs::remove_dir_all(&directory)?;
    Ok(format!("all steps succeeded, in {minutes:.1} minutes"))
}

/// Goes the way from a clone to a first image on a machine that has nothing.
pub(super) fn fresh(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("fresh");
    let mut command = Command::new("python3");
    command.arg("docker/fresh_machine.py").arg(&directory);
    let mut results = Vec::new();
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        results.extend(line.strip_prefix("fresh: ").map(str::to_owned));
    })?;
    process::success("docker/fresh_machine.py", status)?;
    fs::remove_dir_all(&directory)?;
    Ok(results.join("; "))
}
