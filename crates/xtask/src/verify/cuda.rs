//! A build for NVIDIA's GPUs on a machine without one: the toolkit comes from PyPI.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The packages that form a toolkit. The compiler is pinned to the last version that candle's
/// bindings support.
const PACKAGES: [&str; 9] = [
    "nvidia-cuda-nvcc==13.2.*",
    "nvidia-nvvm==13.2.*",
    "nvidia-cuda-crt==13.2.*",
    "nvidia-cuda-runtime==13.2.*",
    "nvidia-cuda-nvrtc==13.2.*",
    "nvidia-cuda-cccl==13.2.*",
    "nvidia-cublas==13.*",
    "nvidia-curand==10.4.*",
    "nvidia-cudnn-cu13==9.*",
];
/// The default compute capability of the build: A100.
const COMPUTE_CAP: &str = "80";

/// The entry point of the image.
const START: &str = "docker/start-cuda.sh";

/// Checks and links the binary with `cuda,cudnn`, then starts it as the image does, without a
/// driver and a GPU: it must report that and offer the CPU.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let started = Instant::now();
    let directory = workspace.target.join("verify").join("cuda");
    let toolkit = toolkit(workspace, &directory)?;
    let installed = started.elapsed().as_secs_f64() / 60.0;
    for command in ["check", "build"] {
        let mut cargo = process::cargo();
        cargo.args([command, "--locked", "--package", "facegen"]);
        cargo.args(["--features", "cuda,cudnn"]);
        process::run(
            with_toolkit(&mut cargo, &toolkit)
                .env("CARGO_TARGET_DIR", directory.join("target"))
                .current_dir(&workspace.root),
        )?;
    }
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
    toolkit: &Path,
) -> Result<PathBuf> {
    let image = directory.join("image");
    if image.exists() {
        fs::remove_dir_all(&image)?;
    }
    let stub = image.join("no-driver");
    fs::create_dir_all(&stub)?;
    link(
        &toolkit.join("lib/stubs/libcuda.so"),
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
fn refusal(workspace: &Workspace, image: &Path, toolkit: &Path) -> Result<String> {
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
        .env("LD_LIBRARY_PATH", toolkit.join("lib"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it found a GPU: {text}");
    let message = text.lines().find(|line| line.contains("the device cpu"));
    let message = message.with_context(|| format!("it does not offer the CPU: {text}"))?;
    Ok(message.trim().to_owned())
}

/// Creates the directory that build scripts use as `CUDA_HOME`.
fn toolkit(workspace: &Workspace, directory: &Path) -> Result<PathBuf> {
    let toolkit = directory.join("wheels/nvidia/cu13");
    let complete = directory.join("complete");
    if complete.is_file() {
        return Ok(toolkit);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade"]);
    pip.args(["--disable-pip-version-check", "--target"]);
    process::run(pip.arg(directory.join("wheels")).args(PACKAGES))?;
    let cudnn = directory.join("wheels/nvidia/cudnn");
    for part in ["include", "lib"] {
        link_files(&cudnn.join(part), &toolkit.join(part))?;
    }
    unversioned_links(&toolkit.join("lib"))?;
    link(&toolkit.join("lib"), &toolkit.join("lib64"))?;
    stub_driver(workspace, &toolkit.join("lib/stubs"))?;
    fs::write(complete, "")?;
    Ok(toolkit)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the search path is the environment's"
)]
fn with_toolkit<'a>(command: &'a mut Command, toolkit: &Path) -> &'a mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let capability = std::env::var("CUDA_COMPUTE_CAP");
    let (libraries, stubs) = (toolkit.join("lib"), toolkit.join("lib/stubs"));
    command
        .env("CUDA_HOME", toolkit)
        .env("CUDA_PATH", toolkit)
        .env("PATH", format!("{}:{path}", toolkit.join("bin").display()))
        .env(
            "CUDA_COMPUTE_CAP",
            capability.as_deref().unwrap_or(COMPUTE_CAP),
        )
        .env(
            "LD_LIBRARY_PATH",
            format!("{}:{}", libraries.display(), stubs.display()),
        )
}

/// Creates a link in `to` for every file in `from`.
fn link_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Creates `libX.so` next to every `libX.so.N`: linkers look for the plain name.
fn unversioned_links(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((plain, _)) = name.split_once(".so.") {
            link(&entry.path(), &directory.join(format!("{plain}.so")))?;
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<()> {
    if to.symlink_metadata().is_err() {
        symlink(from, to).with_context(|| format!("cannot link {}", to.display()))?;
    }
    Ok(())
}

/// Builds a driver that finds no device, to link against. The real one comes with the GPU's
/// machine.
fn stub_driver(workspace: &Workspace, directory: &Path) -> Result<()> {
    /// The driver's error without a GPU: `CUDA_ERROR_NO_DEVICE`.
    const NO_DEVICE: u32 = 100;
    let mut source = String::new();
    for name in driver_functions(workspace)? {
        writeln!(source, "int {name}(void) {{ return {NO_DEVICE}; }}")?;
    }
    fs::create_dir_all(directory)?;
    let file = directory.join("driver.c");
    fs::write(&file, source)?;
    let library = directory.join("libcuda.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o"]);
    process::run(compiler.arg(&library).arg(&file))?;
    link(&library, &directory.join("libcuda.so.1"))
}

/// Returns the driver's functions, as candle's bindings declare them.
fn driver_functions(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let bindings = bindings(workspace)?;
    let text = fs::read_to_string(&bindings);
    let text = text.with_context(|| format!("cannot read {}", bindings.display()))?;
    let names = text.lines().filter_map(|line| {
        let (_, declared) = line.split_once("fn ")?;
        let (name, _) = declared.split_once('(')?;
        name.starts_with("cu").then(|| name.to_owned())
    });
    let names: BTreeSet<String> = names.collect();
    ensure!(!names.is_empty(), "{} declares nothing", bindings.display());
    Ok(names)
}

fn bindings(workspace: &Workspace) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        manifest_path: PathBuf,
    }
    let mut cargo = process::cargo();
    // The bindings are a dependency only with the feature.
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    cargo.args(["--features", "cuda"]);
    let metadata = process::output(cargo.current_dir(workspace.root.join("crates/facegen")))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let bindings = metadata
        .packages
        .iter()
        .find(|package| package.name == "cudarc")
        .context("no dependency is called cudarc")?;
    Ok(bindings
        .manifest_path
        .with_file_name("src")
        .join("driver/sys/mod.rs"))
}
