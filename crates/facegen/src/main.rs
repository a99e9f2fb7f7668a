//! The command line program.
//!
//! | module | contents |
//! |---|---|
//! | [`cli`] | the commands and their options |
//! | [`config`] | the settings, in layers |
//! | [`mod@run`] | `facegen run`: from a preset's name to a page that makes images |
//! | [`serve`] | `facegen serve`: the server |
//! | [`db`] | `facegen db` and `facegen migrate`: the database of a server |
//! | [`doctor`] | `facegen doctor`: checks of everything that a server needs |
//! | [`health`] | `facegen health`: the readiness of a server |
//! | [`keys`] | `facegen keys`: management of API keys |
//! | [`models`] | `facegen models`: the weights of presets |
//! | [`failure`] | why a command failed, and its exit code |
//! | [`engine`] | loading of a preset on an engine thread |
//! | [`generate`] | `facegen generate`: one request on the command line |
//! | [`data_dir`] | the data directory |
//! | [`shell`] | completions and manual pages |
//! | [`times`] | how long images take on this machine |
//! | [`stores`] | the stores that the config names |
//! | [`output`] | standard output of commands |
//! | [`telemetry`] | logging |

mod cli;
mod config;
mod data_dir;
mod db;
mod doctor;
mod engine;
mod failure;
mod generate;
mod health;
mod keys;
mod models;
mod output;
mod packs;
mod provenance;
mod run;
mod serve;
mod shell;
mod stores;
mod telemetry;
mod times;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, ConfigCommand};
use config::Config;
use config::environment::Environment;
use facegen_engine::Reusing;
use failure::Failure;

/// Reuses the memory of feature maps from layer to layer; other allocators
/// unmap large blocks and fault them in again.
#[global_allocator]
static ALLOCATOR: Reusing<mimalloc::MiMalloc> = Reusing::new(mimalloc::MiMalloc);

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            telemetry::last_words(&failure);
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Generate(arguments) => {
            telemetry::init();
            generate::run(*arguments)
        }
        Command::Keys { command, arguments } => keys::run(&command, arguments),
        Command::Db { command, arguments } => {
            telemetry::init();
            db::run(&command, &arguments)
        }
        Command::Migrate(arguments) => {
            telemetry::init();
            db::migrate(&arguments)
        }
        Command::Models { command, arguments } => {
            telemetry::init();
            models::run(&command, *arguments)
        }
        Command::Doctor(arguments) => {
            telemetry::init();
            doctor::run(&arguments)
        }
        Command::Health(arguments) => health::run(&arguments),
        Command::Config {
            command: ConfigCommand::Print,
            config,
        } => {
            let config = Config::load(&config, &Environment::of_process())?;
            Ok(output::print(&config.to_toml()?)?)
        }
        Command::OpenApi => Ok(output::print(&openapi_text()?)?),
        Command::Completions { shell } => Ok(shell::completions(shell)?),
        Command::Man { dir } => Ok(shell::manual(dir.as_deref())?),
    }
}

fn openapi_text() -> Result<String, Failure> {
    let text = facegen_api::openapi().to_pretty_json();
    let text = text.context("cannot write the description")?;
    Ok(text + "\n")
}
