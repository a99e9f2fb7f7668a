//! Fuzzing of each parser of untrusted input, for a minute each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{process, tools};

/// The crate of the fuzz targets, and the corpus of each: files of the tests, or its own seeds.
const DIRECTORY: &str = "tests/fuzz";
const TARGETS: [(&str, &[&str]); 7] = [
    ("request_body", &["tests/fuzz/seeds/request_body"]),
    ("face_source", &["tests/fuzz/seeds/face_source"]),
    (
        "image_decode",
        &[
            "crates/facegen-image/tests/assets/images",
            "crates/facegen-image/tests/assets/faults",
        ],
    ),
    ("jpeg_scans", &["tests/fuzz/seeds/jpeg_scans"]),
    ("exif", &["tests/fuzz/seeds/exif"]),
    ("url_guard", &["tests/fuzz/seeds/url_guard"]),
    ("http_answer", &["tests/fuzz/seeds/http_answer"]),
];

/// The limits of each target: seconds in all and per input, and megabytes.
const LIMITS: [&str; 3] = ["-max_total_time=60", "-timeout=10", "-rss_limit_mb=1024"];

/// Runs every target. Fails when one finds a panic, a hang or excessive memory, and reports where
/// the input was saved.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let program = tools::cargo_fuzz(workspace)?;
    let runs = TARGETS.map(|(target, seeds)| {
        let runs = fuzz(workspace, &program, target, seeds)?;
        Ok(format!("{target} {runs}"))
    });
    let runs = runs.into_iter().collect::<Result<Vec<String>>>()?;
    Ok(format!("nothing found; inputs tried: {}", runs.join(", ")))
}

/// Runs one target and returns how many inputs it tried.
fn fuzz(workspace: &Workspace, program: &Path, target: &str, seeds: &[&str]) -> Result<u64> {
    let found = workspace.target.join("fuzz").join("corpus").join(target);
    fs::create_dir_all(&found)?;
    let mut command = command(workspace, program);
    // New inputs are added to the first directory.
    command.arg(target).arg(&found).args(seeds).arg("--");
    let statistics = found.with_extension("log");
    // Next to the directory, for inputs that fail.
    let prefix = format!("-artifact_prefix={}-", found.display());
    command.args(LIMITS).args(["-print_final_stats=1", &prefix]);
    command.stderr(fs::File::create(&statistics)?);
    let status = process::run_reading(&mut command, |_| {})?;
    let output = fs::read_to_string(&statistics)?;
    process::success(&format!("{target}, see {}:", statistics.display()), status)?;
    tried(&output).context("the fuzzer does not say how many inputs it tried")
}

/// Returns the fuzzer for the installed toolchain: a sanitizer would need a nightly one, and there
/// is almost no unsafe code for it to check.
fn command(workspace: &Workspace, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&workspace.root);
    command.args(["run", "--sanitizer", "none", "--fuzz-dir", DIRECTORY]);
    let target_directory: PathBuf = workspace.target.join("fuzz");
    command.arg("--target-dir").arg(target_directory);
    command
}

fn tried(statistics: &str) -> Option<u64> {
    let line = statistics
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_program_and_its_seeds() {
        let root = Workspace::locate().unwrap().root;
        for (target, seeds) in TARGETS {
            let program = format!("{DIRECTORY}/targets/{target}.rs");
            assert!(root.join(program).is_file(), "{target}");
            for seeds in seeds {
                assert!(root.join(seeds).read_dir().unwrap().count() > 5, "{seeds}");
            }
        }
    }

    #[test]
    fn the_number_of_inputs_is_read_from_the_statistics() {
        let text = "Done 5 runs\nstat::number_of_executed_units: 57321\nstat::x: 1\n";
        assert_eq!(tried(text), Some(57_321));
        assert_eq!(tried("Done"), None);
    }
}
