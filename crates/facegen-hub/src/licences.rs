//! What the operator has accepted, and the gate.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::{Component, Licence};

use crate::HubError;
use crate::store::{Store, write_whole};

/// The licences that the operator accepts: those of the data directory's file,
/// and those that the program was accepted_names of.
#[derive(Debug)]
pub struct Accepted {
    path: PathBuf,
    recorded: Vec<String>,
    accepted_names: Vec<String>,
}

impl Accepted {
    /// Reads what was recorded in the data directory, and adds `accepted_names`.
    ///
    /// # Errors
    /// The file cannot be read.
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

    /// Whether a licence is among them.
    #[must_use]
    pub fn has(&self, licence: &str) -> bool {
        let is_it = |name: &String| name == licence;
        self.recorded.iter().any(is_it) || self.accepted_names.iter().any(is_it)
    }

    /// Records licences in the data directory, for good.
    ///
    /// # Errors
    /// The file cannot be written.
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

/// What presets ask of the operator.
#[derive(Debug)]
pub struct Gate;

impl Gate {
    /// Lets a preset through whose weights may all be used.
    ///
    /// # Errors
    /// Some are for research only and their licence is not accepted; the error
    /// names all of them.
    pub fn check(preset: &Preset, accepted: &Accepted) -> Result<(), HubError> {
        let models = preset.models().into_iter();
        Self::check_models(preset, accepted, models)
    }

    /// Lets some models of a preset through, as [`Gate::check`] does all.
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

    /// The terms of the licences of these names, as some preset gives them.
    ///
    /// # Errors
    /// No preset names one of them.
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
