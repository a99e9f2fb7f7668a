//! Checks of the files for Kubernetes and systemd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{process, report, tools};

/// The directory of the objects of Kubernetes.
const KUBERNETES: &str = "deploy/kubernetes";

/// The directory of the units of systemd.
const SYSTEMD: &str = "deploy/systemd";

/// Where the units have the program.
const PROGRAM: &str = "/usr/local/bin/facegen";

/// A program that every machine has in its place.
const STAND_IN: &str = "/bin/true";

/// Checks both.
///
/// # Errors
/// A file is not valid, or cannot be read.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    kubernetes(workspace)?;
    systemd(workspace)
}

/// Compares the objects with the schemas of Kubernetes. Those of KEDA and of kustomize have
/// none there.
fn kubernetes(workspace: &Workspace) -> Result<()> {
    let mut command = tools::kubernetes_validate(workspace)?;
    command.args(["--strict", "--quiet", "--no-warn"]);
    command.args(files(&workspace.root.join(KUBERNETES), "yaml")?);
    process::run(command.current_dir(&workspace.root))
}

fn systemd(workspace: &Workspace) -> Result<()> {
    let mut version = Command::new("systemd-analyze");
    version.arg("--version").stdout(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        report::line("units: SKIPPED, there is no systemd-analyze here");
        return Ok(());
    }
    // A unit whose program is not installed is not valid.
    let directory = workspace.target.join("units");
    fs::create_dir_all(&directory)?;
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify");
    for unit in files(&workspace.root.join(SYSTEMD), "service")? {
        let copy = directory.join(unit.file_name().unwrap_or_default());
        let text = fs::read_to_string(&unit)?;
        ensure!(text.contains(PROGRAM), "{} starts nothing", unit.display());
        fs::write(&copy, text.replace(PROGRAM, STAND_IN))?;
        verify.arg(copy);
    }
    process::run(&mut verify)
}

/// Returns the files of a directory with this extension, in the order of their names.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", directory.display());
    Ok(files)
}
