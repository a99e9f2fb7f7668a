//! A build for NVIDIA's GPUs on a machine without one: the toolkit comes from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::cuda::{Toolkit, link};
use crate::process;
use crate::workspace::Workspace;

/// The compiler's version: the last that candle's bindings support.
const VERSION: &str = "13.2";
/// The default compute capability of the build: A100.
const COMPUTE_CAP: &str = "80";

/// The entry point of the image.
const START: &str = "docker/start-cuda.sh";

/// Builds and links the binary with `cuda,cudnn`, then starts it as the image does, without a
/// driver and a GPU: it must report that and offer the CPU.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let started = Instant::now();
    let directory = workspace.target.join("verify").join("cuda");
    let toolkit = Toolkit::install(workspace, &directory, VERSION)?;
    let installed = started.elapsed().as_secs_f64() / 60.0;
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--package", "facegen"]);
    cargo.args(["--features", "cuda,cudnn"]);
    process::run(
        toolkit
            .apply(&mut cargo, COMPUTE_CAP)
            .env("CARGO_TARGET_DIR", directory.join("target"))
            .current_dir(&workspace.root),
    )?;
    let built = started.elapsed().as_secs_f64() / 60.0;
    let program = directory.join("target/debug/facegen");
    let image = image(workspace, &directory, &program, &toolkit)?;
    let message = refusal(workspace, &image, &toolkit)?;
    let megabytes = fs::metadata(&program)?.len() / 1_000_000;
    Ok(format!(
        "links ({megabytes} MB) in {built:.1} minutes, {installed:.1} of them for the toolkit; \
         without a GPU it ends with: {message}"
    ))
}

/// Creates a directory like that of the image: the program, its entry point and the stub of the
/// driver.
fn image(
    workspace: &Workspace,
    directory: &Path,
    program: &Path,
    toolkit: &Toolkit,
) -> Result<PathBuf> {
    let image = directory.join("image");
    if image.exists() {
        fs::remove_dir_all(&image)?;
    }
    let stub = image.join("no-driver");
    fs::create_dir_all(&stub)?;
    link(
        &toolkit.stubs().join("libcuda.so"),
        &stub.join("libcuda.so.1"),
    )?;
    link(program, &image.join("facegen"))?;
    fs::copy(workspace.root.join(START), image.join("start"))?;
    let ignored = fs::read_to_string(workspace.root.join(".dockerignore"))?;
    let is_let_through = ignored
        .lines()
        .any(|line| line.strip_prefix('!') == Some(START));
    ensure!(
        is_let_through,
        "no image gets {START}: .dockerignore does not let it through"
    );
    Ok(image)
}

/// Returns the error of the program when it is to use a GPU that does not exist.
fn refusal(workspace: &Workspace, image: &Path, toolkit: &Toolkit) -> Result<String> {
    let mut command = Command::new(image.join("start"));
    command.args(["generate", "--device", "cuda:0", "--prompt", "a portrait"]);
    command.arg("--face");
    command.arg(
        workspace
            .root
            .join("tests/assets/photographs/astronaut.png"),
    );
    command
        .arg("--models-dir")
        .arg(workspace.root.join("models"));
    command.current_dir(image).stdin(Stdio::null());
    // The image has the libraries of the toolkit, but no driver.
    let output = command
        .env("LD_LIBRARY_PATH", toolkit.libraries())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it found a GPU: {text}");
    let message = text.lines().find(|line| line.contains("the device cpu"));
    let message = message.with_context(|| format!("it does not offer the CPU: {text}"))?;
    Ok(message.trim().to_owned())
}
