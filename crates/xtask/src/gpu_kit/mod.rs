//! `cargo xtask gpu-kit`: one directory with all that measures facegen on another machine's GPU.
//!
//! That machine needs neither Rust nor a network: the programs are built here, for its compute
//! capability, and `benches/gpu/run.sh` runs them. No large weights are in it; they are drawn there.

mod archive;
mod contents;
pub(crate) mod programs;

pub(crate) use programs::executable;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::report;
use crate::workspace::Workspace;

/// The arguments of `cargo xtask gpu-kit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The directory to make; `gpu-kit/kit` in the target directory when absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The version of NVIDIA's compiler. A driver cannot translate what a newer compiler than its
    /// own version of CUDA made.
    #[arg(long, value_name = "VERSION", default_value = "13.0")]
    cuda: String,
    /// The compute capability of the GPU, without the dot.
    #[arg(long, value_name = "NUMBER", default_value = "90")]
    capability: String,
    /// A directory with `facegen`, `step` and `golden`, built with cudnn: they are packed instead of
    /// being built.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// The largest size of the packed kit.
const MOST_BYTES: u64 = 60 << 20;

/// Makes the kit and its archive, and prints what is in it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let directory = workspace.target.join("gpu-kit");
    let kit = arguments
        .out
        .clone()
        .unwrap_or_else(|| directory.join("kit"));
    make_again(&kit)?;
    report::heading("programs");
    let bin = kit.join("bin");
    match &arguments.programs {
        Some(built) => programs::copy(built, &bin)?,
        None => programs::build(workspace, &directory, arguments, &bin)?,
    }
    report::heading("files");
    contents::copy(workspace, &kit)?;
    report::heading("archive");
    let archive = archive::pack(&kit)?;
    print(&kit, &archive)
}

/// Makes the directory; one that is there has to be a kit.
fn make_again(kit: &Path) -> Result<()> {
    if kit.exists() {
        let shown = kit.display();
        let is_kit = kit.join("benches/gpu/run.sh").is_file() || kit.read_dir()?.next().is_none();
        ensure!(is_kit, "{shown} is no kit, it is not overwritten");
        fs::remove_dir_all(kit)?;
    }
    fs::create_dir_all(kit).with_context(|| format!("cannot create {}", kit.display()))
}

/// Prints every part with its size, and refuses a kit that is too large.
fn print(kit: &Path, archive: &Path) -> Result<()> {
    let mut entries = kit.read_dir()?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut total = 0;
    for entry in entries {
        let bytes = contents::size(&entry.path())?;
        total += bytes;
        let name = entry.file_name();
        report::line(format_args!(
            "{:<10}{:>8.1} MB",
            name.to_string_lossy(),
            megabytes(bytes)
        ));
    }
    let packed = fs::metadata(archive)?.len();
    report::line(format_args!(
        "{}: {:.1} MB, {:.1} MB unpacked",
        archive.display(),
        megabytes(packed),
        megabytes(total)
    ));
    ensure!(
        packed <= MOST_BYTES,
        "the kit has {packed} bytes, more than {MOST_BYTES}"
    );
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_other_things_is_not_overwritten() {
        let directory = std::env::temp_dir().join(format!("no-kit-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        make_again(&directory).unwrap();
        fs::write(directory.join("letter.txt"), "").unwrap();
        let error = make_again(&directory).unwrap_err().to_string();
        assert!(error.contains("is no kit"), "{error}");
        assert!(directory.join("letter.txt").is_file());
        fs::remove_dir_all(&directory).unwrap();
    }
}
