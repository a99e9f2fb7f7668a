//! The licences that the operator has accepted, and the check against them.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::{Component, Licence};
use facegen_core::sha256::hexadecimal;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::HubError;
use crate::store::{Store, write_whole};

/// The licences that the operator accepts: those recorded in the data directory,
/// and those that the config or the command line names.
#[derive(Debug)]
pub struct Accepted {
    path: PathBuf,
    recorded: BTreeSet<Record>,
    accepted_names: Vec<String>,
}

/// An acceptance in the data directory: a line of name, hash of the terms and
/// time, with tabs in between. Earlier versions wrote the name alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    name: String,
    /// The sha256 of the accepted terms; `None`: any terms.
    terms: Option<String>,
    time: String,
}

impl Record {
    fn of_line(line: &str) -> Self {
        let mut columns = line.split('\t').map(ToOwned::to_owned);
        Self {
            name: columns.next().unwrap_or_default(),
            terms: columns.next(),
            time: columns.next().unwrap_or_default(),
        }
    }

    fn line(&self) -> String {
        match &self.terms {
            Some(terms) => format!("{}\t{terms}\t{}\n", self.name, self.time),
            None => format!("{}\n", self.name),
        }
    }

    fn is_of(&self, name: &str, terms: &str) -> bool {
        self.name == name && self.terms.as_deref().is_none_or(|own| own == terms)
    }
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
            recorded: text.lines().map(Record::of_line).collect(),
            accepted_names: accepted_names.to_vec(),
        })
    }

    /// Whether a licence with these terms is accepted. Terms that changed since
    /// they were recorded are not.
    #[must_use]
    pub fn has(&self, name: &str, licence: &Licence) -> bool {
        let terms = hash(licence);
        let is_recorded = |record: &Record| record.is_of(name, &terms);
        self.recorded.iter().any(is_recorded) || self.accepted_names.iter().any(|own| own == name)
    }

    /// Records licences in the data directory, each with the hash of its terms
    /// and the time. One that is recorded already keeps its time.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn record(&mut self, licences: &[(&str, &Licence)]) -> Result<(), HubError> {
        let time = OffsetDateTime::now_utc().truncate_to_second();
        let time = time.format(&Rfc3339).unwrap_or_default();
        for (name, licence) in licences {
            let terms = Some(hash(licence));
            let is_same = |own: &Record| own.name == *name && own.terms == terms;
            if !self.recorded.iter().any(is_same) {
                let name = (*name).to_owned();
                let time = time.clone();
                self.recorded.insert(Record { name, terms, time });
            }
        }
        let directory = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(directory).map_err(HubError::at(directory))?;
        let lines: String = self.recorded.iter().map(Record::line).collect();
        write_whole(&self.path, &lines)
    }
}

/// Returns the sha256 of a licence's terms.
fn hash(licence: &Licence) -> String {
    let mut hasher = Sha256::new();
    hasher.update(licence.terms.trim());
    hexadecimal(hasher)
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
            licence_of.is_some_and(|known| known.research_only && !accepted.has(licence, known))
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

    /// Returns the licences of a preset that have terms of their own and are not
    /// accepted, whether they are for research only or not.
    #[must_use]
    pub fn open<'a>(preset: &'a Preset, accepted: &Accepted) -> Vec<(&'a str, &'a Licence)> {
        let licences = preset.licences().iter();
        let licences = licences.map(|(name, licence)| (name.as_str(), licence));
        licences
            .filter(|(name, licence)| !accepted.has(name, licence))
            .collect()
    }

    /// Returns the licences of these names; one that presets have with different
    /// terms is there with each of them.
    ///
    /// # Errors
    /// Fails when no preset names one of them.
    pub fn terms<'a>(
        presets: &'a [Preset],
        names: &[String],
    ) -> Result<Vec<(&'a str, &'a Licence)>, HubError> {
        let of_presets = presets.iter().flat_map(Preset::licences);
        let mut known: Vec<(&str, &Licence)> = of_presets
            .map(|(name, licence)| (name.as_str(), licence))
            .collect();
        known.sort_by_key(|(name, licence)| (*name, licence.terms.trim()));
        known.dedup_by_key(|(name, licence)| (*name, licence.terms.trim()));
        for name in names {
            if known.iter().all(|(known, _)| known != name) {
                let mut known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                known.dedup();
                return Err(HubError::UnknownLicence {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        known.retain(|(known, _)| names.iter().any(|name| name == known));
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence(terms: &str) -> Licence {
        Licence {
            research_only: true,
            terms: terms.to_owned(),
        }
    }

    #[test]
    fn an_acceptance_is_kept_with_time_and_hash_and_counts_for_its_terms_only() {
        let directory = tempfile::tempdir().unwrap();
        let read = || Accepted::read(directory.path(), &[]).unwrap();
        let (old, new) = (licence("for science"), licence("for science, and for art"));
        read().record(&[("Secret-Lab", &old)]).unwrap();
        let text = fs::read_to_string(read().path).unwrap();
        let columns: Vec<&str> = text.trim_end().split('\t').collect();
        // `printf 'for science' | sha256sum`
        let hash = "cd5beb7da5c7f4f838f19064dcc97f2f55579fd82ef16acbc8a9d0f1eaddc106";
        assert_eq!(columns[..2], ["Secret-Lab", hash]);
        assert!(columns[2].starts_with("20") && columns[2].ends_with('Z'));
        assert!(read().has("Secret-Lab", &old));
        assert!(!read().has("Secret-Lab", &new));
        assert!(!read().has("Other-Lab", &old));

        read().record(&[("Secret-Lab", &new)]).unwrap();
        assert!(read().has("Secret-Lab", &old) && read().has("Secret-Lab", &new));
        let both = fs::read_to_string(read().path).unwrap();
        assert!(both.contains(&text), "the first keeps its time: {both}");
    }

    #[test]
    fn a_name_alone_counts_for_any_terms() {
        let directory = tempfile::tempdir().unwrap();
        let path = Store::new(directory.path()).root().to_owned();
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("accepted-licences"), "Secret-Lab\n").unwrap();
        let mut accepted = Accepted::read(directory.path(), &[]).unwrap();
        assert!(accepted.has("Secret-Lab", &licence("anything")));
        accepted.record(&[("Other-Lab", &licence("a"))]).unwrap();
        let again = Accepted::read(directory.path(), &[]).unwrap();
        assert!(again.has("Secret-Lab", &licence("anything")));
    }
}
