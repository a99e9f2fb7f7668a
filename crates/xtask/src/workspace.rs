//! What cargo knows of this workspace: its directories, its crates and what they depend on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The output of `cargo metadata --no-deps`, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The directory of the root manifest.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds, `CARGO_TARGET_DIR` respected.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// Our own crates, the root package among them.
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
    /// What its manifest names, development and build dependencies included.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency that a manifest names.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The name of the crate.
    pub(crate) name: String,
    /// The name that our code uses for it, where that is another one.
    pub(crate) rename: Option<String>,
    /// `None` for a plain dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Whether it is built only with a feature.
    pub(crate) optional: bool,
    /// Its directory, where it is one of ours.
    pub(crate) path: Option<PathBuf>,
}

impl Workspace {
    /// Asks cargo for the workspace around the current directory.
    pub(crate) fn locate() -> Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
        let metadata = process::output(&mut command)?;
        serde_json::from_str(&metadata).context("cannot read the output of cargo metadata")
    }

    /// The files of the work tree that git tracks or would track, relative to the root.
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

    /// `path` relative to the root, where it lies below it.
    pub(crate) fn relative<'path>(&self, path: &'path Path) -> &'path Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}
