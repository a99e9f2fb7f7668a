//! `facegen models`: the models of presets.

mod command;
mod list;
pub(crate) mod needs;
mod packs;
mod progress;
pub(crate) mod pull;
mod remove;
mod verify;

use anyhow::Result;
use facegen_core::Preset;
use facegen_core::preset::Licence;
use facegen_hub::{Accepted, Gate};

pub(crate) use command::{ModelsArguments, ModelsCommand};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::data_dir;
use crate::failure::Failure;
use crate::output;

/// Runs a subcommand.
pub(crate) fn run(command: &ModelsCommand, arguments: ModelsArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let location = arguments.location();
    let config = Config::load(&ConfigArguments::from(arguments), &environment)?;
    data_dir::make(&config.storage.data_dir)?;
    let done = match command {
        ModelsCommand::List { json } => list::run(&config, *json),
        ModelsCommand::Pull { preset, from } => {
            let preset = find(&config, preset)?;
            let pulled = pull::run(&preset, from.as_deref(), &config, &environment);
            pulled.and_then(|()| next(&preset, &location))
        }
        ModelsCommand::Rm { preset } => remove::run(&find(&config, preset)?, &config),
        ModelsCommand::Verify { presets } => verify::run(presets, &config),
        ModelsCommand::Accept { licences } => accept(licences, &config),
    };
    done.map_err(Failure::Load)
}

fn find(config: &Config, name: &str) -> Result<Preset, Failure> {
    crate::engine::find(&config.engine.models_dir, name)
}

/// Prints the command that comes after a pull.
fn next(preset: &Preset, location: &str) -> Result<()> {
    let name = preset.name();
    say(&format!("next: facegen serve --preset {name}{location}"))
}

/// Shows the terms of licences and records their acceptance.
fn accept(names: &[String], config: &Config) -> Result<()> {
    let presets = Preset::all(&config.engine.models_dir)?;
    let licences = Gate::terms(&presets, names)?;
    show(&licences)?;
    Accepted::read(&config.storage.data_dir, &[])?.record(&licences)?;
    let names = names.join(", ");
    say(&format!("accepted for this data directory: {names}"))
}

/// Prints licences.
pub(crate) fn show(licences: &[(&str, &Licence)]) -> Result<()> {
    for (name, licence) in licences {
        let only = match licence.research_only {
            true => " (for research only)",
            false => "",
        };
        say(&format!("{name}{only}\n{}\n", licence.terms.trim()))?;
    }
    Ok(())
}

/// Prints a result.
fn say(line: &str) -> Result<()> {
    output::line(line)
}
