use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// How a kernel is compiled for the host.
#[derive(Clone, Copy)]
pub(super) enum Build {
    Plain,
    /// With a system thread for each CUDA thread, so that races are reported.
    ThreadSanitizer,
}

/// A kernel with its cases, compiled for the host.
pub(super) struct Program {
    path: PathBuf,
    _directory: TempDir,
}

/// What a program wrote, and whether all its results were right.
pub(super) struct Outcome {
    pub(super) success: bool,
    pub(super) output: String,
}

impl Build {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::ThreadSanitizer => &["-g", "-fsanitize=thread"],
        }
    }
}

impl Program {
    /// Compiles `cuda/host/<kernel>.cpp`.
    pub(super) fn compile(kernel: &str, build: Build) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cuda/host/{kernel}.cpp"));
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = directory.path().join(kernel);
        let status = Command::new("c++")
            .args(["-std=c++20", "-O1", "-pthread"])
            .args(["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"])
            .args(build.options())
            .args(["-x", "c++"])
            .arg(&source)
            .arg("-o")
            .arg(&path)
            .status()
            .expect("these tests need a C++20 compiler named c++");
        assert!(status.success(), "{} does not compile", source.display());
        Self {
            path,
            _directory: directory,
        }
    }

    pub(super) fn run(&self, words: &[&str]) -> Outcome {
        let output = Command::new(&self.path)
            .args(words)
            .env("TSAN_OPTIONS", "halt_on_error=1")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        Outcome {
            success: output.status.success(),
            output: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

impl Outcome {
    /// Returns each entry point and the number of its cases.
    pub(super) fn cases(&self) -> Vec<(&str, usize)> {
        self.output.lines().filter_map(case_count).collect()
    }

    /// Returns the numbers of the barriers that were met.
    pub(super) fn barriers(&self) -> Vec<String> {
        let number = |line: &str| line.strip_prefix("barrier ").map(str::to_owned);
        self.output.lines().filter_map(number).collect()
    }
}

/// Reads `kernel <entry point> cases <count> ...`.
fn case_count(line: &str) -> Option<(&str, usize)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["kernel", entry, "cases", count, ..] => Some((entry, count.parse().ok()?)),
        _ => None,
    }
}
