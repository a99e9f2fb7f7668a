//! The functions of NVIDIA's libraries, as candle's bindings declare them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The libraries that a program is linked to, by their directories in the bindings.
const LIBRARIES: [&str; 6] = ["driver", "cublas", "cublaslt", "cudnn", "curand", "nvrtc"];
/// What their functions begin with.
const PREFIXES: [&str; 2] = ["cu", "nvrtc"];

/// Returns the driver's functions.
pub(super) fn of_driver(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let bindings = sources(&packages(workspace)?, "cudarc")?;
    declared(&bindings.join("driver/sys/mod.rs"), &PREFIXES)
}

/// Returns those of all libraries, and of the kernels that candle links.
pub(super) fn of_all(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let packages = packages(workspace)?;
    let bindings = sources(&packages, "cudarc")?;
    let kernels = sources(&packages, "candle-kernels")?.join("ffi.rs");
    let mut functions = declared(&kernels, &[""])?;
    for library in LIBRARIES {
        let file = bindings.join(library).join("sys/mod.rs");
        functions.extend(declared(&file, &PREFIXES)?);
    }
    Ok(functions)
}

/// Returns the functions of a file whose names begin so.
fn declared(file: &Path, prefixes: &[&str]) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let names = text.lines().filter_map(|line| {
        let (_, declared) = line.split_once("fn ")?;
        let (name, _) = declared.split_once('(')?;
        let is_one = prefixes.iter().any(|prefix| name.starts_with(prefix));
        // The bindings' own.
        (is_one && name != "culib").then(|| name.to_owned())
    });
    let names: BTreeSet<String> = names.collect();
    ensure!(!names.is_empty(), "{} declares nothing", file.display());
    Ok(names)
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// Lists the packages of a build for GPUs.
fn packages(workspace: &Workspace) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let mut cargo = process::cargo();
    // The bindings are a dependency only with the feature.
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    cargo.args(["--features", "cuda"]);
    let metadata = process::output(cargo.current_dir(workspace.root.join("crates/facegen")))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    Ok(metadata.packages)
}

fn sources(packages: &[Package], name: &str) -> Result<PathBuf> {
    let package = packages.iter().find(|package| package.name == name);
    let package = package.with_context(|| format!("no dependency is called {name}"))?;
    Ok(package.manifest_path.with_file_name("src"))
}
