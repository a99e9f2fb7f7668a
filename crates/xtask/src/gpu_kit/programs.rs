//! The programs of the kit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Arguments;
use crate::cuda::Toolkit;
use crate::process;
use crate::workspace::Workspace;

/// A program, and the command that builds it. Each has its own: together, the tests' features of
/// other crates would be in the server.
struct Program {
    name: &'static str,
    command: &'static [&'static str],
}

const PROGRAMS: [Program; 3] = [
    Program {
        name: "facegen",
        command: &["--package", "facegen", "--features", "cuda,cudnn"],
    },
    Program {
        name: "step",
        command: &[
            "--package",
            "facegen-tests",
            "--bench",
            "step",
            "--features",
            "cudnn",
        ],
    },
    Program {
        name: "golden",
        command: &[
            "--package",
            "facegen-tests",
            "--test",
            "golden",
            "--features",
            "cudnn",
        ],
    },
];

/// What cargo says of an artifact.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// Builds the programs for the GPU and puts them into `bin`.
pub(super) fn build(
    workspace: &Workspace,
    directory: &Path,
    arguments: &Arguments,
    bin: &Path,
) -> Result<()> {
    let version = &arguments.cuda;
    let toolkit = directory.join(format!("cuda-{version}"));
    let toolkit = Toolkit::install(workspace, &toolkit, version)?;
    for program in &PROGRAMS {
        let mut cargo = process::cargo();
        cargo
            .args([
                "build",
                "--locked",
                "--message-format",
                "json-render-diagnostics",
            ])
            .args(program.command)
            .env("CARGO_TARGET_DIR", directory.join("target"))
            .current_dir(&workspace.root);
        let messages = process::output(toolkit.apply(&mut cargo, &arguments.capability))?;
        let built = executable(&messages, program.name);
        let built = built.with_context(|| format!("cargo built no {}", program.name))?;
        strip(&built, &bin.join(program.name))?;
    }
    Ok(())
}

/// Puts programs that are already built into `bin`.
pub(super) fn copy(built: &Path, bin: &Path) -> Result<()> {
    for program in &PROGRAMS {
        strip(&built.join(program.name), &bin.join(program.name))?;
    }
    Ok(())
}

/// Returns the executable of a target, by what cargo says in JSON.
pub(crate) fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Message = serde_json::from_str(line).ok()?;
        let is_it = message.target.is_some_and(|target| target.name == name);
        message.executable.filter(|_| is_it)
    })
}

/// Copies a program without its symbols.
fn strip(program: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut strip = Command::new("strip");
    process::run(strip.arg("-o").arg(to).arg(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_of_a_target_is_found() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"step"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"golden"},"executable":"/a/golden-1"}
{"reason":"compiler-artifact","target":{"name":"step"},"executable":"/a/step-2"}
{"reason":"build-finished","success":true}
no json"#;
        assert_eq!(executable(messages, "step"), Some("/a/step-2".into()));
        assert_eq!(executable(messages, "facegen"), None);
    }
}
