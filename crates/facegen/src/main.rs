//! The program.
//!
//! | chapter | holds |
//! |---|---|
//! | [`cli`] | the commands and their options |
//! | [`failure`] | why a command failed, and its exit code |
//! | [`engine`] | the wiring of a preset to an engine thread |
//! | [`generate`] | `facegen generate`: one request on the command line |
//! | [`telemetry`] | where log lines go |

mod cli;
mod engine;
mod failure;
mod generate;
mod telemetry;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;

/// Keeps the memory of feature maps from one layer to the next, which the
/// system's allocator gives back and faults in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell if standard error is closed.
            let _ = write!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    telemetry::init();
    match cli.command {
        Command::Generate(arguments) => generate::run(*arguments),
    }
}
