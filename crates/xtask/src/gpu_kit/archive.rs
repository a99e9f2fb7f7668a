//! The packed kit.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Packs the directory next to itself, as `KIT.tar.xz`.
pub(super) fn pack(kit: &Path) -> Result<PathBuf> {
    let (parent, name) = kit
        .parent()
        .zip(kit.file_name())
        .with_context(|| format!("{} has no name", kit.display()))?;
    let mut file = name.to_owned();
    file.push(".tar.xz");
    let archive = parent.join(file);
    let mut tar = Command::new("tar");
    // Two threads: each takes memory.
    tar.env("XZ_OPT", "-6 --threads=2")
        .arg("--create")
        .args(["--xz", "--owner=0", "--group=0", "--sort=name", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(parent)
        .arg(name);
    process::run(&mut tar)?;
    Ok(archive)
}
