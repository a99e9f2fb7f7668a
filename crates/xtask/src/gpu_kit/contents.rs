//! The files of the kit other than its programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The scripts, and what the goldens and the demo preset read.
const PATHS: [&str; 7] = [
    "LICENSE",
    "benches/gpu/",
    "docs/guides/presets.md",
    "docs/safety/",
    "models/",
    "tests/assets/",
    "tests/golden/data/",
];
/// What nothing there reads.
const LEFT_OUT: [&str; 2] = ["benches/gpu/driver/", "models/demo/train/"];

/// The versions of the reference's packages.
const REQUIREMENTS: &str = "tests/golden/python/requirements.txt";
/// The package with a version in it, and what it needs that seldom comes with torch and
/// transformers.
const DIFFUSERS: &str = "diffusers";
const NEEDS: [&str; 2] = ["importlib_metadata==10.2.0", "zipp==4.1.2"];

/// Copies the files that git knows, and downloads the wheels.
pub(super) fn copy(workspace: &Workspace, kit: &Path) -> Result<()> {
    for file in workspace.files()?.iter().filter(|file| is_wanted(file)) {
        let to = kit.join(file);
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::copy(workspace.root.join(file), &to).with_context(|| format!("cannot copy {file}"))?;
    }
    let requirements = workspace.root.join(REQUIREMENTS);
    let requirements = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let diffusers = requirements
        .lines()
        .find(|line| line.starts_with(&format!("{DIFFUSERS}==")))
        .with_context(|| format!("{REQUIREMENTS} names no {DIFFUSERS}"))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"]);
    pip.args([
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--dest",
    ]);
    process::run(pip.arg(kit.join("wheels")).arg(diffusers).args(NEEDS))
}

fn is_wanted(file: &str) -> bool {
    let is_below = |path: &str| file == path || (path.ends_with('/') && file.starts_with(path));
    PATHS.iter().any(|path| is_below(path)) && !LEFT_OUT.iter().any(|path| is_below(path))
}

/// Returns the bytes of a file, or of all files below a directory.
pub(super) fn size(path: &Path) -> Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut total = 0;
    for entry in fs::read_dir(path)? {
        total += size(&entry?.path())?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_models_are_packed_and_their_training_is_not() {
        assert!(is_wanted("models/demo.toml"));
        assert!(is_wanted("models/demo/unet/config.json"));
        assert!(is_wanted("benches/gpu/run.sh"));
        assert!(!is_wanted("models/demo/train/draw.py"));
        assert!(!is_wanted("benches/server.rs"));
        assert!(!is_wanted("docs/guides/presets.md.old"));
    }
}
