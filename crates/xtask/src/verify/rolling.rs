//! Two versions of the program on one database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::server::of_the_built_server;
use crate::process;
use crate::workspace::Workspace;

/// The commit that first had several nodes on one PostgreSQL database.
const FORMER: &str = "8478279";

/// The variable that names its program to the test.
const VARIABLE: &str = "FACEGEN_FORMER";

/// The test.
const TEST: &str = "server::nodes::rolling::jobs_of_two_versions_all_end";

/// Builds the former version next to this one, and lets both do each other's jobs.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("rolling");
    let former = build(workspace, &directory)?;
    let variables = [(VARIABLE, former.as_path())];
    let result = of_the_built_server(workspace, &[TEST], "rolling: ", &variables)?;
    fs::remove_dir_all(&directory)?;
    Ok(format!("{FORMER} and its successor: {result}"))
}

/// Builds the former version in a work tree and a target directory of its own. The latter begins
/// as a copy of this one's, so that what both depend on is not compiled again. They cannot share
/// it: cargo takes a crate for the same one in both trees.
fn build(workspace: &Workspace, directory: &Path) -> Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let tree = directory.join("tree");
    if tree.exists() {
        remove(workspace, &tree)?;
    }
    let target = directory.join("target");
    copy_build(workspace, &target)?;
    let mut add = git(workspace);
    add.args(["worktree", "add", "--detach"]).arg(&tree);
    process::run(add.arg(FORMER)).context("the former version is not in this clone")?;
    let mut build = process::cargo();
    build.args(["build", "--workspace", "--bins"]);
    build.env("CARGO_TARGET_DIR", &target);
    process::run(build.current_dir(&tree))?;
    remove(workspace, &tree)?;
    Ok(target.join("debug").join("facegen"))
}

/// Copies what has been compiled.
fn copy_build(workspace: &Workspace, target: &Path) -> Result<()> {
    let debug = target.join("debug");
    if debug.exists() {
        return Ok(());
    }
    fs::create_dir_all(&debug)?;
    let mut copy = Command::new("cp");
    copy.arg("-a");
    for part in ["deps", "build", ".fingerprint"] {
        copy.arg(workspace.target.join("debug").join(part));
    }
    process::run(copy.arg(debug))
}

fn remove(workspace: &Workspace, tree: &Path) -> Result<()> {
    process::run(
        git(workspace)
            .args(["worktree", "remove", "--force"])
            .arg(tree),
    )
}

fn git(workspace: &Workspace) -> Command {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root);
    git
}
