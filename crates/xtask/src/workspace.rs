//! The workspace as cargo knows it: directories, crates and dependencies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The parts of `cargo metadata --no-deps` that are used here.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The directory of the root manifest.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// The target directory; respects `CARGO_TARGET_DIR`.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// The crates of the workspace, with the root package.
    pub(crate) packages: Vec<Package>,
}

/// One crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// The name in its manifest.
    pub(crate) name: String,
    /// The absolute path of its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// The registries that it may be published to; `None` means any.
    pub(crate) publish: Option<Vec<String>>,
    /// Its features, with what each turns on.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Its dependencies, including those for development and builds.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency that a manifest names.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The name of the crate.
    pub(crate) name: String,
    /// The name in the code, where it differs.
    pub(crate) rename: Option<String>,
    /// `None` for a plain dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Whether it is enabled by a feature only.
    pub(crate) optional: bool,
    /// Its directory, if it is a crate of the workspace.
    pub(crate) path: Option<PathBuf>,
}

impl Workspace {
    /// Runs cargo to find the workspace around the current directory.
    pub(crate) fn locate() -> Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
        let metadata = process::output(&mut command)?;
        serde_json::from_str(&metadata).context("cannot read the output of cargo metadata")
    }

    /// Returns the files of the work tree that git tracks or would track, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut command = Command::new("git");
        command.current_dir(&self.root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let list = process::output(&mut command)?;
        let files = list.split_terminator('\0').map(str::to_owned);
        Ok(files
            .filter(|file| self.root.join(file).is_file())
            .collect())
    }

    /// Returns `path` relative to the root, if it is below it.
    pub(crate) fn relative<'path>(&self, path: &'path Path) -> &'path Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
