//! Developer commands of the workspace, run as `cargo xtask COMMAND`.
//!
//! - [`mod@test`]: all checks and tests that a change must pass
//! - [`lint`]: the rules of this code base beyond rustc and clippy
//! - [`lint::documents::config_page`]: the generated pages of the book
//! - [`demo`]: one image from a committed photo
//! - [`gpu_kit`]: what measures the GPU of another machine
//! - [`verify`]: checks that take too long for every change

mod cuda;
mod demo;
mod gpu_kit;
mod lint;
mod process;
mod report;
mod test;
mod tools;
mod verify;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The command line of `cargo xtask`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "developer commands of facegen")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check and every test.
    Test(test::Arguments),
    /// Check the rules of this code base beyond rustc and clippy.
    Lint,
    /// Write the generated pages of the book.
    Docs,
    /// Generate one image from a committed photo with the demo preset.
    Demo(demo::Arguments),
    /// Make a directory with all that measures facegen on another machine's GPU.
    GpuKit(gpu_kit::Arguments),
    /// Run one of the long checks by hand.
    Verify(verify::Arguments),
}

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Lint => lint::run(&workspace),
        Command::Docs => {
            report::line(lint::documents::config_page::write(&workspace.root)?);
            Ok(())
        }
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::GpuKit(arguments) => gpu_kit::run(&workspace, &arguments),
        Command::Verify(arguments) => verify::run(&workspace, &arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::CommandLine;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
