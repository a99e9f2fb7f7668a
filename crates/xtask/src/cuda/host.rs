//! A toolkit and a driver that need no GPU: programs that are built for CUDA run with it, and what
//! they have the driver do is counted. `benches/gpu/driver` has the sources.

use std::collections::BTreeSet;
use std::env::join_paths;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Toolkit, bindings, link};
use crate::process;
use crate::workspace::Workspace;

/// The driver and the compiler.
const SOURCES: &str = "benches/gpu/driver";
/// The kernels, and what gives them their meaning on the host.
const KERNELS: &str = "crates/facegen-nn/cuda";
/// What every C++ file is compiled with. Sums may be in another order, as on a GPU.
const OPTIONS: [&str; 9] = [
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fassociative-math",
    "-fno-signed-zeros",
    "-fno-trapping-math",
    "-fPIC",
    "-pthread",
    "-w",
];
/// Where the driver writes what it counted, a line for each region.
const REPORT: &str = "HOST_DRIVER_REPORT";
/// The kernels for the host; without them nothing is computed.
const HOST_KERNELS: &str = "HOST_DRIVER_KERNELS";
/// Bytes copied from the host after which nothing is computed any more.
pub(crate) const COMPUTES: &str = "HOST_DRIVER_COMPUTES";

/// The files of the driver.
const PARTS: [&str; 3] = ["driver", "memory", "libraries"];
/// The libraries that it stands for.
const LIBRARIES: [&str; 7] = [
    "cuda", "cublas", "cublasLt", "cudnn", "curand", "nvrtc", "cudart",
];
/// The headers of CUDA that kernels include; only names are read of those, so they are empty.
const HEADERS: [&str; 5] = [
    "cuda.h",
    "cuda_bf16.h",
    "cuda_fp16.h",
    "cuda_fp8.h",
    "cuda/std/limits",
];

/// The toolkit with the driver, and the kernels that it computes.
pub(crate) struct HostDriver {
    pub(crate) toolkit: Toolkit,
    kernels: Vec<PathBuf>,
}

impl HostDriver {
    /// Builds all of it below `directory`.
    pub(crate) fn build(workspace: &Workspace, directory: &Path) -> Result<Self> {
        let toolkit = Toolkit {
            home: directory.join("toolkit"),
        };
        let sources = workspace.root.join(SOURCES);
        write_headers(&toolkit.home.join("include"))?;
        fs::create_dir_all(toolkit.home.join("bin"))?;
        link(&sources.join("nvcc.py"), &toolkit.compiler())?;
        fs::create_dir_all(toolkit.libraries())?;
        link(&toolkit.libraries(), &toolkit.home.join("lib64"))?;
        let functions = bindings::of_all(workspace)?;
        build_driver(workspace, &functions, &toolkit.libraries())?;
        let kernels = directory.join("kernels");
        fs::create_dir_all(&kernels)?;
        Ok(Self {
            kernels: build_kernels(workspace, &toolkit, &kernels)?,
            toolkit,
        })
    }

    /// Has a program use it, and write what it counted to `report`.
    pub(crate) fn count<'a>(&self, program: &'a mut Command, report: &Path) -> &'a mut Command {
        let libraries = self.toolkit.libraries();
        program
            .env("LD_LIBRARY_PATH", libraries)
            .env(REPORT, report)
    }

    /// Has it compute, too.
    pub(crate) fn compute<'a>(&self, program: &'a mut Command) -> Result<&'a mut Command> {
        Ok(program.env(HOST_KERNELS, join_paths(&self.kernels)?))
    }
}

fn write_headers(directory: &Path) -> Result<()> {
    for header in HEADERS {
        let path = directory.join(header);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, "")?;
    }
    Ok(())
}

/// Builds one library under the names of all. What it does not define of `functions` says so when
/// it is called.
fn build_driver(
    workspace: &Workspace,
    functions: &BTreeSet<String>,
    directory: &Path,
) -> Result<()> {
    let library = directory.join("libcuda.so.1");
    let missing = directory.join("missing.c");
    fs::write(&missing, missing_functions(functions)?)?;
    let object = directory.join("missing.o");
    let mut compiler = Command::new("cc");
    compiler.args(["-c", "-fPIC", "-w", "-o"]);
    process::run(compiler.arg(&object).arg(&missing))?;
    let sources = workspace.root.join(SOURCES);
    let mut compiler = shared_library(workspace, &library);
    compiler.arg("-Wl,-soname,libcuda.so.1").arg(&object);
    compiler.args(PARTS.map(|part| sources.join(part).with_extension("cpp")));
    process::run(compiler.arg("-ldl"))?;
    for name in LIBRARIES {
        link(&library, &directory.join(format!("lib{name}.so")))?;
    }
    Ok(())
}

/// Returns the C of functions that say that they are missing, where no other is linked.
fn missing_functions(functions: &BTreeSet<String>) -> Result<String> {
    let mut source = "int host_driver_missing(const char*);\n".to_owned();
    for name in functions {
        writeln!(
            source,
            "__attribute__((weak)) int {name}(void) {{ return host_driver_missing(\"{name}\"); }}"
        )?;
    }
    Ok(source)
}

/// Compiles the kernels for the host: each file alone, since names in them repeat.
fn build_kernels(
    workspace: &Workspace,
    toolkit: &Toolkit,
    directory: &Path,
) -> Result<Vec<PathBuf>> {
    let candle = directory.join("candle.so");
    let source = workspace.root.join(SOURCES).join("candle.cpp");
    process::run(kernel_library(workspace, &candle).arg(source))?;
    let mut libraries = vec![candle];
    for source in super::kernel_sources(&workspace.root.join(KERNELS))? {
        let entries = entry_points(toolkit, &source, directory)?;
        let stem = source.file_stem().unwrap_or_default();
        let (file, library) = (
            directory.join(stem).with_extension("cpp"),
            directory.join(stem).with_extension("so"),
        );
        let mut text = format!(
            "#include \"kernel.hpp\"\n#include \"{}\"\n",
            source.display()
        );
        for entry in entries {
            writeln!(text, "HOST_KERNEL({entry})")?;
        }
        fs::write(&file, text)?;
        process::run(kernel_library(workspace, &library).arg(&file))?;
        libraries.push(library);
    }
    Ok(libraries)
}

/// Lists the kernels of a file.
fn entry_points(toolkit: &Toolkit, source: &Path, directory: &Path) -> Result<Vec<String>> {
    let mut compiler = Command::new(toolkit.compiler());
    compiler
        .args(["--ptx", "--output-directory"])
        .arg(directory);
    process::run(compiler.arg(source))?;
    let ptx = directory.join(
        source
            .with_extension("ptx")
            .file_name()
            .context("no name")?,
    );
    let text = fs::read_to_string(ptx)?;
    let entries = text.lines().filter_map(|line| {
        let (_, entry) = line.split_once(".entry ")?;
        Some(entry.split_once('(')?.0.to_owned())
    });
    Ok(entries.collect())
}

fn shared_library(workspace: &Workspace, library: &Path) -> Command {
    let mut compiler = Command::new("c++");
    compiler.args(OPTIONS).args(["-shared", "-o"]).arg(library);
    for directory in [SOURCES.to_owned(), format!("{KERNELS}/host")] {
        compiler.arg("-I").arg(workspace.root.join(directory));
    }
    compiler
}

/// Names of a kernel's file are its own, but for those that the driver looks up.
fn kernel_library(workspace: &Workspace, library: &Path) -> Command {
    let mut compiler = shared_library(workspace, library);
    compiler.arg("-fvisibility=hidden");
    compiler
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_counts_what_it_is_given_and_refuses_what_a_gpu_would() {
        let workspace = Workspace::locate().unwrap();
        let directory = std::env::temp_dir().join(format!("driver-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let missing = BTreeSet::from(["cuInit".to_owned(), "cuGraphLaunch".to_owned()]);
        build_driver(&workspace, &missing, &directory).unwrap();
        let report = directory.join("report.jsonl");
        let output = Command::new("python3")
            .arg(workspace.root.join(SOURCES).join("check.py"))
            .arg(directory.join("libcuda.so.1"))
            .arg(&report)
            .env(REPORT, &report)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_compiler_names_every_entry_point_with_its_parameters() {
        let workspace = Workspace::locate().unwrap();
        let directory = std::env::temp_dir().join(format!("compiler-{}", std::process::id()));
        let toolkit = Toolkit {
            home: directory.clone(),
        };
        fs::create_dir_all(directory.join("bin")).unwrap();
        write_headers(&directory.join("include")).unwrap();
        let sources = workspace.root.join(SOURCES);
        link(&sources.join("nvcc.py"), &toolkit.compiler()).unwrap();
        let source = workspace.root.join(KERNELS).join("softmax.cu");
        let entries = entry_points(&toolkit, &source, &directory).unwrap();
        assert_eq!(entries, ["softmax_f16", "softmax_bf16"]);
        let ptx = fs::read_to_string(directory.join("softmax.ptx")).unwrap();
        let types = ["u64 .ptr", "u64 .ptr", "u32", "f32"];
        let parameter =
            |(number, of): (usize, &str)| format!("\t.param .{of} softmax_f16_param_{number}");
        let parameters = types.into_iter().enumerate().map(parameter);
        let parameters: Vec<String> = parameters.collect();
        assert!(ptx.contains(&parameters.join(",\n")), "{ptx}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
