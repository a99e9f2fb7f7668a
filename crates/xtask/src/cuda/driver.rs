//! A driver that finds no device, to link against and to start programs with. The real one comes
//! with the GPU's machine.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::link;
use crate::process;
use crate::workspace::Workspace;

/// Builds it.
pub(super) fn build_stub(workspace: &Workspace, directory: &Path) -> Result<()> {
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
