//! The acceptance of a preset's licences, each by its name.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, anyhow};
use facegen_core::Preset;
use facegen_core::preset::Licence;
use facegen_hub::{Accepted, Gate};

use crate::config::Config;
use crate::failure::Failure;
use crate::models::show;
use crate::output;

/// Shows the terms of each licence that is not accepted yet, and records those
/// that `names` accepts, or that are typed on a terminal.
pub(super) fn accept(preset: &Preset, names: &[String], config: &Config) -> Result<(), Failure> {
    check(preset, names)?;
    let (data_dir, settings) = (&config.storage.data_dir, &config.models.accept);
    let mut accepted = Accepted::read(data_dir, settings).map_err(load)?;
    let open = Gate::open(preset, &accepted);
    if open.is_empty() {
        return Ok(());
    }
    let stdin = io::stdin();
    if stdin.is_terminal() {
        ask(&open, names, &mut stdin.lock())?;
    } else {
        show(&open).map_err(Failure::Other)?;
        let named = |(name, _): &&(&str, &Licence)| !names.iter().any(|own| own == name);
        let missing: Vec<&str> = open.iter().filter(named).map(|(name, _)| *name).collect();
        refuse(preset, &missing)?;
    }
    accepted.record(&open).map_err(load)
}

/// Refuses names that are not those of the preset's licences.
fn check(preset: &Preset, names: &[String]) -> Result<(), Failure> {
    let known = preset.licences();
    let Some(unknown) = names.iter().find(|name| !known.contains_key(*name)) else {
        return Ok(());
    };
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    let known = match known.as_slice() {
        [] => "it needs no acceptance".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    let preset = preset.name();
    Err(Failure::Usage(anyhow!(
        "preset {preset} has no licence {unknown} to be accepted; {known}"
    )))
}

/// Shows each licence and reads its name, unless an option has it.
fn ask(
    licences: &[(&str, &Licence)],
    names: &[String],
    input: &mut impl BufRead,
) -> Result<(), Failure> {
    for licence in licences {
        let (name, _) = *licence;
        show(&[*licence]).map_err(Failure::Other)?;
        if names.iter().any(|own| own == name) {
            continue;
        }
        output::print(&format!("type {name} to accept these terms: "))?;
        let mut line = String::new();
        let read = input.read_line(&mut line);
        read.context("cannot read from standard input")?;
        if line.trim() != name {
            return Err(Failure::Load(anyhow!(
                "the licence {name} is not accepted, so nothing is fetched"
            )));
        }
    }
    Ok(())
}

/// Fails with the options that accept the missing licences.
fn refuse(preset: &Preset, missing: &[&str]) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let options = missing.iter().map(|name| format!(" --accept {name}"));
    let (preset, options) = (preset.name(), options.collect::<String>());
    Err(Failure::Load(anyhow!(
        "preset {preset} has licences to be accepted, each by its name: {}. Once you have read \
         their terms, run `facegen run {preset}{options}`",
        missing.join(", ")
    )))
}

fn load(error: facegen_hub::HubError) -> Failure {
    Failure::Load(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence() -> Licence {
        Licence {
            research_only: false,
            terms: "for science".to_owned(),
        }
    }

    #[test]
    fn each_name_has_to_be_typed_as_it_is() {
        let terms = licence();
        let both = [("Secret-Lab", &terms), ("Other-Lab", &terms)];
        let answer = |names: &[&str], mut typed: &[u8]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            ask(&both, &names, &mut typed).map_err(|failure| failure.to_string())
        };
        assert_eq!(answer(&[], b"Secret-Lab\n Other-Lab \r\n"), Ok(()));
        assert_eq!(answer(&["Secret-Lab"], b"Other-Lab\n"), Ok(()));
        assert_eq!(answer(&["Other-Lab", "Secret-Lab"], b""), Ok(()));
        for typed in [&b"yes\n"[..], b"", b"secret-lab\nOther-Lab\n", b"\n"] {
            let refused = answer(&[], typed).unwrap_err();
            assert!(refused.contains("Secret-Lab is not accepted"), "{refused}");
        }
        let refused = answer(&[], b"Secret-Lab\nSecret-Lab\n").unwrap_err();
        assert!(refused.contains("Other-Lab is not accepted"), "{refused}");
    }
}
