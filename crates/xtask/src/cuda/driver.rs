//! A driver that finds no device, to link against and to start programs with. The real one comes
//! with the GPU's machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{bindings, link};
use crate::process;
use crate::workspace::Workspace;

/// Builds it.
pub(super) fn build_stub(workspace: &Workspace, directory: &Path) -> Result<()> {
    /// The driver's error without a GPU: `CUDA_ERROR_NO_DEVICE`.
    const NO_DEVICE: u32 = 100;
    let mut source = String::new();
    for name in bindings::of_driver(workspace)? {
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
