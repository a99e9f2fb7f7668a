//! The licences that the operator has accepted, and the check against them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::{Component, Licence};

use crate::HubError;
use crate::store::{Store, write_whole};

/// The licences that the operator accepts: those recorded in the data directory,
/// and those that the config or the command line names.
#[derive(Debug)]
pub struct Accepted {
    path: PathBuf,
    recorded: Vec<String>,
    accepted_names: Vec<String>,
}

impl Accepted {
    /// Reads the licences recorded in the data directory, and adds
    /// `accepted_names`.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn read(data_dir: &Path, accepted_names: &[String]) -> Result<Self, HubError> {
        let path = Store::new(data_dir).root().join("accepted-licences");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(HubError::at(&path))?,
        };
        Ok(Self {
            path,
            recorded: text.lines().map(ToOwned::to_owned).collect(),
            accepted_names: accepted_names.to_vec(),
        })
    }

    /// Whether a licence is accepted.
    #[must_use]
    pub fn has(&self, licence: &str) -> bool {
        let is_it = |name: &String| name == licence;
        self.recorded.iter().any(is_it) || self.accepted_names.iter().any(is_it)
    }

    /// Records licences in the data directory.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn record(&mut self, licences: &[String]) -> Result<(), HubError> {
        self.recorded.extend_from_slice(licences);
        self.recorded.sort();
        self.recorded.dedup();
        let directory = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(directory).map_err(HubError::at(directory))?;
        let lines: String = self
            .recorded
            .iter()
            .map(|name| format!("{name}\n"))
            .collect();
        write_whole(&self.path, &lines)
    }
}

/// The check of a preset's licences.
#[derive(Debug)]
pub struct Gate;

impl Gate {
    /// Checks that every licence for research only of a preset is accepted.
    ///
    /// # Errors
    /// Fails when some are not; the error names all of them.
    pub fn check(preset: &Preset, accepted: &Accepted) -> Result<(), HubError> {
        let models = preset.models().into_iter();
        Self::check_models(preset, accepted, models)
    }

    /// Checks some models of a preset, as [`Gate::check`] does all.
    pub(super) fn check_models<'a>(
        preset: &Preset,
        accepted: &Accepted,
        models: impl Iterator<Item = (String, &'a Component)>,
    ) -> Result<(), HubError> {
        let closed = |licence: &str| {
            let licence_of = preset.licences().get(licence);
            licence_of.is_some_and(|known| known.research_only) && !accepted.has(licence)
        };
        let (mut weights, mut licences) = (Vec::new(), Vec::new());
        for (component, model) in models {
            if closed(&model.licence) {
                weights.push(format!("{component} ({})", model.licence));
                licences.push(model.licence.clone());
            }
        }
        licences.sort();
        licences.dedup();
        if licences.is_empty() {
            return Ok(());
        }
        Err(HubError::Licence {
            preset: preset.name().to_owned(),
            weights,
            licences,
        })
    }

    /// Returns the terms of the licences of these names.
    ///
    /// # Errors
    /// Fails when no preset names one of them.
    pub fn terms<'a>(
        presets: &'a [Preset],
        names: &[String],
    ) -> Result<BTreeMap<&'a str, &'a Licence>, HubError> {
        let known: BTreeMap<&str, &Licence> = presets
            .iter()
            .flat_map(Preset::licences)
            .map(|(name, licence)| (name.as_str(), licence))
            .collect();
        let find = |name: &String| {
            let found = known.get_key_value(name.as_str());
            let found = found.map(|(name, licence)| (*name, *licence));
            found.ok_or_else(|| HubError::UnknownLicence {
                name: name.clone(),
                known: known.keys().copied().collect::<Vec<_>>().join(", "),
            })
        };
        names.iter().map(find).collect()
    }
}
