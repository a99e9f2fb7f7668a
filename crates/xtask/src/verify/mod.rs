//! `cargo xtask verify`: checks that take too long for every change, run by hand.
//!
//! `docs/verify.md` has their last results; a check that succeeds prints its line for that table.

mod book;
mod clean;
mod cuda;
mod driver;
mod features;
mod fuzz;
mod kernels;
mod long_tests;
mod peers;
mod rolling;
mod server;

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

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
        run: clean::cold,
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
        run: clean::image,
    },
    Check {
        name: "fresh",
        proves: "in a clean Debian with Rust and a C compiler, README's two commands lead from a clone to an image, and facegen run to one in an empty directory with a preset that it fetches",
        run: clean::fresh,
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
        run: long_tests::barriers,
    },
    Check {
        name: "features",
        proves: "each crate builds alone, and with each of its features that needs no GPU",
        run: features::run,
    },
    Check {
        name: "parity",
        proves: "at the published size every module, 21 steps and the image are those of the reference",
        run: long_tests::parity,
    },
    Check {
        name: "soak",
        proves: "20,000 jobs, of which nothing is computed, by two workers on PostgreSQL: all end, none stalls for 10 seconds, memory and connections do not grow",
        run: long_tests::soak,
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
