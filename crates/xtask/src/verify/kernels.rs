//! What NVIDIA's compiler makes of the CUDA kernels: registers, spilled bytes and shared memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::cuda::{Toolkit, kernel_sources};
use crate::report;
use crate::workspace::Workspace;

/// The compiler's version, that of the kit for other machines.
const VERSION: &str = "13.0";
/// The compute capabilities that the kernels are compiled for.
const CAPABILITIES: [&str; 4] = ["80", "86", "89", "90"];
/// The kernels, as the build script of their crate compiles them.
const SOURCES: &str = "crates/facegen-nn/cuda";
const OPTIONS: [&str; 3] = ["-std=c++17", "-O3", "-cubin"];
/// The page with the results.
const PAGE: &str = "docs/reference/kernels.md";

/// What ptxas does not know of shared memory.
const SHARED: &str = "\
Shared memory is that of a block without what a launch adds: 10,240, 36,864, 45,056 and 43,008 bytes for attention with
heads of up to 40, 64, 80 and 160; 49,152 for the convolution of an enlarged image; and up to 32,768 for the first kernel
of the group norm.
";

/// What a kernel takes on one GPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    /// Of a thread.
    registers: u32,
    /// Stored and loaded, since the registers did not suffice.
    spilled: u32,
    /// Bytes of a block, without what a launch adds.
    shared: u32,
}

/// By kernel, one for each capability.
type Usages = BTreeMap<String, Vec<Usage>>;

/// Compiles every kernel, writes the page, and fails where registers are spilled.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("gpu-kit/cuda-13.0");
    let toolkit = Toolkit::install(workspace, &directory, VERSION)?;
    let output = directory.join("kernels.cubin");
    let (mut usages, mut times) = (Usages::new(), Vec::new());
    for source in kernel_sources(&workspace.root.join(SOURCES))? {
        let mut seconds = Vec::new();
        for capability in CAPABILITIES {
            let started = Instant::now();
            let said = compile(&toolkit, &source, capability, &output)?;
            seconds.push(started.elapsed().as_secs_f64());
            for (kernel, usage) in parse(&said) {
                usages.entry(kernel).or_default().push(usage);
            }
        }
        times.push((name(&source), seconds));
    }
    let page = workspace.root.join(PAGE);
    fs::write(&page, render(&usages, &times)?)?;
    report::line(format_args!("wrote {PAGE}"));
    judge(&usages)?;
    let files = times.len();
    let seconds: f64 = times.iter().flat_map(|(_, seconds)| seconds).sum();
    let (kernels, targets) = (usages.len(), CAPABILITIES.join(", "));
    Ok(format!(
        "{kernels} kernels of {files} files for {targets}: none spills a register; {seconds:.0} s"
    ))
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Compiles a file and returns what the assembler says of its kernels.
fn compile(toolkit: &Toolkit, source: &Path, capability: &str, output: &Path) -> Result<String> {
    let mut nvcc = Command::new(toolkit.compiler());
    nvcc.args(OPTIONS).args(["-Xptxas", "-v"]);
    nvcc.arg(format!("-arch=sm_{capability}"));
    nvcc.arg(source).arg("-o").arg(output);
    report::line(format_args!("{} for sm_{capability}", name(source)));
    let result = toolkit.apply(&mut nvcc, capability).output();
    let result = result.context("cannot start nvcc")?;
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    ensure!(result.status.success(), "{}: {said}", source.display());
    Ok(said)
}

/// Reads the lines of `ptxas -v`.
fn parse(said: &str) -> Vec<(String, Usage)> {
    let (mut kernels, mut spilled): (Vec<(String, Usage)>, u32) = (Vec::new(), 0);
    let mut current = None;
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            current = rest.split_once('\'').map(|(kernel, _)| kernel.to_owned());
        } else if line.contains("bytes spill stores") {
            spilled = before(line, " bytes spill stores") + before(line, " bytes spill loads");
        } else if line.contains("Used ")
            && let Some(kernel) = current.take()
        {
            let usage = Usage {
                registers: before(line, " registers"),
                spilled,
                shared: before(line, " bytes smem"),
            };
            kernels.push((kernel, usage));
        }
    }
    kernels
}

/// Returns the number in front of some words; 0 where they are missing.
fn before(line: &str, words: &str) -> u32 {
    let number = line.split_once(words).map(|(text, _)| text);
    let number = number.and_then(|text| text.rsplit(' ').next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Fails where a kernel is missing on a GPU or spills registers.
fn judge(usages: &Usages) -> Result<()> {
    ensure!(!usages.is_empty(), "the assembler names no kernel");
    for (kernel, usages) in usages {
        let found = usages.len();
        let expected = CAPABILITIES.len();
        ensure!(found == expected, "{kernel} was compiled {found} times");
        let spilled = usages.iter().any(|usage| usage.spilled > 0);
        ensure!(!spilled, "{kernel} spills registers: {usages:?}");
    }
    Ok(())
}

/// Renders the page.
fn render(usages: &Usages, times: &[(String, Vec<f64>)]) -> Result<String> {
    let mut page = format!(
        "# CUDA kernels\n\n<!-- Written by `cargo xtask verify kernels`. -->\n\n\
         What nvcc {VERSION} makes of `{SOURCES}/*.cu`, with `{}`, for four compute capabilities. They\n\
         are compiled only: none of them has run on a GPU.\n\n{SHARED}\n",
        OPTIONS[..2].join(" "),
    );
    let columns = CAPABILITIES.map(|capability| format!("sm_{capability}"));
    let columns = columns.join(" | ");
    let rule = "---|".repeat(CAPABILITIES.len());
    writeln!(page, "## Registers of a thread\n")?;
    writeln!(
        page,
        "| kernel | {columns} | spilled bytes | shared memory |"
    )?;
    writeln!(page, "|---|{rule}---|---|")?;
    for (kernel, usages) in usages {
        let registers = join(usages, |usage| usage.registers.to_string());
        let spilled: u32 = usages.iter().map(|usage| usage.spilled).sum();
        let shared = usages.iter().map(|usage| usage.shared).max();
        let shared = shared.unwrap_or(0);
        writeln!(page, "| `{kernel}` | {registers} | {spilled} | {shared} |")?;
    }
    writeln!(
        page,
        "\n## Seconds to compile\n\n| file | {columns} |\n|---|{rule}"
    )?;
    for (file, seconds) in times {
        let seconds = join(seconds, |seconds| format!("{seconds:.1}"));
        writeln!(page, "| `{file}` | {seconds} |")?;
    }
    Ok(page)
}

fn join<T>(values: &[T], show: impl Fn(&T) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'group_norm_apply_f16' for 'sm_80'
ptxas info    : Function properties for group_norm_apply_f16
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 56 registers, used 1 barriers, 512 bytes smem, 424 bytes cmem[0]
ptxas info    : Compile time = 65.166 ms
ptxas info    : Compiling entry function 'attention_f16_160' for 'sm_80'
ptxas info    : Function properties for attention_f16_160
    40 bytes stack frame, 36 bytes spill stores, 44 bytes spill loads
ptxas info    : Used 168 registers, used 1 barriers, 400 bytes cmem[0]";

    fn usage(registers: u32, spilled: u32, shared: u32) -> Usage {
        Usage {
            registers,
            spilled,
            shared,
        }
    }

    #[test]
    fn registers_spills_and_shared_memory_are_read() {
        let expected = [
            ("group_norm_apply_f16".to_owned(), usage(56, 0, 512)),
            ("attention_f16_160".to_owned(), usage(168, 80, 0)),
        ];
        assert_eq!(parse(SAID), expected);
        assert_eq!(parse("nvcc fatal: no file"), []);
    }

    #[test]
    fn a_spill_and_a_kernel_that_a_gpu_lacks_are_refused() {
        let of = |usages: &[Usage]| Usages::from([("k".to_owned(), usages.to_vec())]);
        let good = usage(56, 0, 0);
        judge(&of(&[good; 4])).unwrap();
        judge(&of(&[good; 3])).unwrap_err();
        judge(&Usages::new()).unwrap_err();
        let error = judge(&of(&[good, good, usage(255, 8, 0), good])).unwrap_err();
        assert!(error.to_string().contains("k spills registers"), "{error}");
    }

    #[test]
    fn the_page_has_every_kernel_that_the_sources_name() {
        let root = Workspace::locate().unwrap().root;
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        for source in kernel_sources(&root.join(SOURCES)).unwrap() {
            let row = format!("| `{}` |", name(&source));
            assert!(page.contains(&row), "{row}");
        }
        assert!(page.contains("| `upsample_conv_bf16` |"));
    }
}
