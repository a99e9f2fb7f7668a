//! `cargo xtask verify`: checks that take too long for every change, run by hand.
//!
//! `docs/verify.md` has their last results; a check that succeeds prints its line for that table.

mod book;
mod cuda;
mod driver;
mod features;
mod fuzz;
mod kernels;
mod peers;
mod rolling;
mod server;

use std::fs;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{process, report};

/// The arguments of `cargo xtask verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The check to run, or `list` for all of them.
    #[arg(default_value = LIST)]
    name: String,
}

/// The name that lists the checks.
const LIST: &str = "list";

/// One check, and what it proves.
struct Check {
    name: &'static str,
    proves: &'static str,
    /// Returns the measurements.
    run: fn(&Workspace) -> Result<String>,
}

const CHECKS: &[Check] = &[
    Check {
        name: "cold",
        proves: "a fresh clone passes .ci/run with an empty cache within 60 minutes",
        run: cold,
    },
    Check {
        name: "kill",
        proves: "kill -9 at 8 points of a job's life, 3 times each: no job is lost, none is visible twice",
        run: server::kill,
    },
    Check {
        name: "nodes",
        proves: "with an api node and two workers, kill -9 at 8 points, 3 times each, loses no job; 200 jobs end once while workers are killed and frozen and the database crashes, cuts connections and is out of reach; 95 % of the callers who wait are answered within 100 ms of the end of their jobs",
        run: server::nodes,
    },
    Check {
        name: "rolling",
        proves: "the first version with several nodes and this one, between which a migration lies, do each other's jobs on one database, and either goes on without the other",
        run: rolling::run,
    },
    Check {
        name: "attack",
        proves: "16 half-sent bodies, or 1,100 silent connections, from other addresses refuse at most 1 % of a client's requests with photos of 5 MB, and the server stays healthy; 40 unread images of a bucket take less than 20 MB",
        run: server::attack,
    },
    Check {
        name: "image",
        proves: "the steps of docker/Dockerfile succeed in a clean Debian, and its server becomes healthy",
        run: image,
    },
    Check {
        name: "fresh",
        proves: "in a clean Debian with Rust and a C compiler, README's two commands lead from a clone to an image, and facegen run to one in an empty directory with a preset that it fetches",
        run: fresh,
    },
    Check {
        name: "cuda",
        proves: "the program builds and links for NVIDIA's GPUs, and says so where there is neither a driver nor a GPU",
        run: cuda::run,
    },
    Check {
        name: "book",
        proves: "the book builds without a warning, and a browser draws each of its diagrams",
        run: book::run,
    },
    Check {
        name: "kernels",
        proves: "the CUDA kernels compile for four compute capabilities, and none spills a register",
        run: kernels::run,
    },
    Check {
        name: "driver",
        proves: "with a driver on the host in place of a GPU's, the goldens pass by the CUDA kernels, wrong results are noticed, nothing grows in 100 steps, and the ledger is what the driver counts",
        run: driver::run,
    },
    Check {
        name: "barriers",
        proves: "without any one of their barriers, the CUDA kernels are wrong or have a data race on the host",
        run: barriers,
    },
    Check {
        name: "features",
        proves: "each crate builds alone, and with each of its features that needs no GPU",
        run: features::run,
    },
    Check {
        name: "parity",
        proves: "at the published size every module, 21 steps and the image are those of the reference",
        run: parity,
    },
    Check {
        name: "soak",
        proves: "20,000 jobs, of which nothing is computed, by two workers on PostgreSQL: all end, none stalls for 10 seconds, memory and connections do not grow",
        run: soak,
    },
    Check {
        name: "peers",
        proves: "a step and a decoding at the published size take at most OpenVINO's time on the same CPU, in f32 and in bf16, and a whole image in bf16 at most 0.9 of it",
        run: peers::run,
    },
    Check {
        name: "soak-cpu",
        proves: "half an hour of images at the published size in bf16: neither memory nor the time of a step grows",
        run: peers::soak,
    },
    Check {
        name: "fuzz",
        proves: "a minute of generated request bodies, face images, files, scans of JPEG, EXIF data, URLs and HTTP answers each finds no panic, no hang and no excessive memory use",
        run: fuzz::run,
    },
];

/// The test of [`barriers`].
const BARRIERS_TEST: &str = "every_barrier_is_needed";

/// The tests of [`parity`], and the directory of the reference's results.
const PARITY_TESTS: [&str; 2] = [
    "parity::every_module_and_the_image_are_those_of_the_reference",
    "vision::full::a_directory_of_full_networks_computes_what_onnxruntime_does",
];
const PARITY_DIRECTORY: &str = "FACEGEN_PARITY";

/// The longest time that [`cold`] may take.
const COLD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs the check of that name, or lists all checks.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let name = &arguments.name;
    if name == LIST {
        CHECKS
            .iter()
            .for_each(|check| report::line(format_args!("{:<10}{}", check.name, check.proves)));
        return Ok(());
    }
    let check = CHECKS.iter().find(|check| check.name == name);
    let check = check
        .with_context(|| format!("no check is called {name}; cargo xtask verify list names all"))?;
    report::heading(check.proves);
    let result = (check.run)(workspace)?;
    report::heading("for docs/verify.md");
    report::line(format_args!(
        "| {} | {} | {} | {result} |",
        check.name,
        today()?,
        machine()
    ));
    Ok(())
}

/// Clones the last commit, runs its `.ci/run` as CI would, and measures the time.
fn cold(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("cold");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let clone = directory.join("clone");
    process::run(
        Command::new("git")
            .arg("clone")
            .arg(&workspace.root)
            .arg(&clone),
    )?;
    let mut command = Command::new("bash");
    command
        .arg(".ci/run")
        .current_dir(&clone)
        .stdin(Stdio::null());
    command
        .env("CI", "true")
        .env("XDG_CACHE_HOME", directory.join("cache"));
    let started = Instant::now();
    process::run(&mut command)?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    fs::remove_dir_all(&directory)?;
    ensure!(
        started.elapsed() <= COLD_LIMIT,
        "it took {minutes:.1} minutes"
    );
    Ok(format!("{minutes:.1} minutes"))
}

/// Runs the test that takes each barrier away.
fn barriers(workspace: &Workspace) -> Result<String> {
    let mut command = process::cargo();
    command.args([
        "test",
        "--package",
        "facegen-nn",
        "--test",
        "device_kernels",
    ]);
    command.args(["--", "--nocapture"]);
    let mut result = String::new();
    let started = Instant::now();
    run_ignored(workspace, &mut command, BARRIERS_TEST, |line| {
        if let Some((_, needed)) = line.split_once("barriers: ") {
            needed.clone_into(&mut result);
        }
    })?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    Ok(format!("{result}, in {minutes:.1} minutes"))
}

/// Compares full-size models with the results of `tests/golden/python/full_size.py`.
#[expect(
    clippy::disallowed_methods,
    reason = "the directory is handed on to the tests in the same way"
)]
fn parity(workspace: &Workspace) -> Result<String> {
    let directory = std::env::var(PARITY_DIRECTORY).with_context(|| {
        format!(
            "{PARITY_DIRECTORY} must name the directory that tests/golden/python/full_size.py wrote"
        )
    })?;
    let mut worst = Vec::new();
    for test in PARITY_TESTS {
        let mut command = process::cargo();
        command.args(["test", "--workspace", "--test", "golden", "--"]);
        command.arg("--nocapture");
        command
            .env(PARITY_DIRECTORY, &directory)
            .env("FACEGEN_FULL_FACES", &directory);
        run_ignored(workspace, &mut command, test, |line| {
            if let Some(result) = line.strip_prefix("full_") {
                worst.push(result.to_owned());
            }
        })?;
    }
    Ok(worst.join("; "))
}

/// Runs the long form of the bench of the queue.
fn soak(workspace: &Workspace) -> Result<String> {
    let mut command = process::cargo();
    command.args(["bench", "--profile", "dev", "--bench", "queue"]);
    command.args(["--", "--soak"]);
    let mut result = None;
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        if let Some(found) = line.strip_prefix("soak: ") {
            result = Some(found.to_owned());
        }
    })?;
    process::success("cargo bench", status)?;
    result.context("it printed no result")
}

/// Runs one ignored test. Fails when no test has that name.
fn run_ignored(
    workspace: &Workspace,
    command: &mut Command,
    test: &str,
    mut read: impl FnMut(&str),
) -> Result<()> {
    command.args(["--ignored", "--exact", test]);
    let mut passed = false;
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        passed |= line.contains("1 passed");
        read(line);
    })?;
    process::success("cargo test", status)?;
    ensure!(passed, "the test did not run");
    Ok(())
}

/// Runs the steps of the Dockerfile on the files that git tracks.
fn image(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("image");
    let started = Instant::now();
    let mut command = Command::new("python3");
    command.args(["docker/build_steps.py", "docker/Dockerfile"]);
    process::run(command.arg(&directory).current_dir(&workspace.root))?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    fs::remove_dir_all(&directory)?;
    Ok(format!("all steps succeeded, in {minutes:.1} minutes"))
}

/// Goes the way from a clone to a first image on a machine that has nothing.
fn fresh(workspace: &Workspace) -> Result<String> {
    let directory = workspace.target.join("verify").join("fresh");
    let mut command = Command::new("python3");
    command.arg("docker/fresh_machine.py").arg(&directory);
    let mut results = Vec::new();
    let status = process::run_reading(command.current_dir(&workspace.root), |line| {
        results.extend(line.strip_prefix("fresh: ").map(str::to_owned));
    })?;
    process::success("docker/fresh_machine.py", status)?;
    fs::remove_dir_all(&directory)?;
    Ok(results.join("; "))
}

fn today() -> Result<String> {
    let date = process::output(Command::new("date").args(["--utc", "+%F"]))?;
    Ok(date.trim().to_owned())
}

/// Returns the processor and its number of threads.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let threads = available_parallelism().map_or(1, usize::from);
    format!("{model}, {threads} threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_check_is_an_error() {
        let workspace = Workspace::locate().unwrap();
        let name = "high".to_owned();
        let error = run(&workspace, &Arguments { name }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no check is called high; cargo xtask verify list names all"
        );
    }

    #[test]
    fn every_check_is_in_the_document() {
        let document = Workspace::locate().unwrap().root.join("docs/verify.md");
        let document = fs::read_to_string(document).unwrap();
        for check in CHECKS {
            assert!(
                document.contains(&format!("| `{}` | {} |", check.name, check.proves)),
                "{}",
                check.name
            );
        }
    }
}
