//! The paths of a preset's files.

use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::Source;

use crate::compiled_in;
use crate::lock_file::{LockFile, Presence};
use crate::store::Store;
use crate::wanted::{Wanted, shards, wanted};
use crate::{Accepted, Gate, HubError};

/// Returns the preset with paths in place of the names on a hub, and of files
/// that are compiled in. Each file is the one that was fetched: a file that
/// changed since is hashed again.
///
/// # Errors
/// Fails when a licence is not accepted, or a file is missing or damaged.
pub fn locate(preset: &Preset, data_dir: &Path, accept: &[String]) -> Result<Preset, HubError> {
    Gate::check(preset, &Accepted::read(data_dir, accept)?)?;
    let found = locate_each(preset, data_dir, accept)?;
    let mut located = preset.clone();
    let store = Store::new(data_dir);
    for (component, found) in located.models_mut().zip(found) {
        if let Some(config) = &mut component.config {
            *config = absolute(compiled_in::path_of(
                preset,
                &found.component,
                config,
                &store,
            )?);
        }
        if let Some(path) = found.path? {
            if let Source::Hub(_) = component.source {
                component.sha256 = None;
            }
            component.source = Source::Path(absolute(path));
        }
    }
    Ok(located)
}

/// Makes a path absolute, since a located preset takes relative ones from its
/// directory of presets.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Locates each model of the preset in its order, as [`locate`] does, but with
/// an error for each: one model's error hides none of another.
///
/// # Errors
/// Fails when the records of licences or files cannot be read.
pub(crate) fn locate_each(
    preset: &Preset,
    data_dir: &Path,
    accept: &[String],
) -> Result<Vec<Located>, HubError> {
    let accepted = Accepted::read(data_dir, accept)?;
    let store = Store::new(data_dir);
    let mut search = Search {
        lock: LockFile::read(&store)?,
        has_read: false,
        store,
        preset,
    };
    let wanted = wanted(preset);
    let mut wanted = wanted.iter();
    let mut located = Vec::new();
    for (component, model) in preset.models() {
        let hub_file = match model.source {
            Source::Hub(_) => wanted.next(),
            Source::Path(_) | Source::Synthetic(_) => None,
        };
        let model_alone = std::iter::once((component.clone(), model));
        let path = Gate::check_models(preset, &accepted, model_alone).and_then(|()| {
            Ok(match (&model.source, hub_file) {
                (Source::Path(path), _) => {
                    let store = &search.store;
                    Some(compiled_in::path_of(preset, &component, path, store)?)
                }
                (_, Some(wanted)) => Some(search.find(wanted)?),
                (_, None) => None,
            })
        });
        located.push(Located {
            component,
            licence: model.licence.clone(),
            path,
        });
    }
    search.remember();
    Ok(located)
}

/// A model with the path of its file.
pub(crate) struct Located {
    /// Its name in the manifest.
    pub(crate) component: String,
    /// The licence of its weights.
    pub(crate) licence: String,
    /// Its file or directory; `None` where its weights are synthetic.
    pub(crate) path: Result<Option<PathBuf>, HubError>,
}

struct Search<'a> {
    preset: &'a Preset,
    store: Store,
    lock: LockFile,
    /// Whether files were hashed, so that there are new stamps to write.
    has_read: bool,
}

impl Search<'_> {
    /// Finds a file of the preset, and with an index all files that it names.
    fn find(&mut self, wanted: &Wanted) -> Result<PathBuf, HubError> {
        let path = self.find_one(wanted)?;
        let commit = self
            .lock
            .get(&wanted.file)
            .map(|locked| locked.commit.clone());
        for shard in shards(wanted, &commit.unwrap_or_default(), &path)? {
            self.find_one(&shard)?;
        }
        Ok(path)
    }

    fn find_one(&mut self, wanted: &Wanted) -> Result<PathBuf, HubError> {
        let expected = wanted.sha256.as_deref();
        match self.lock.presence(&self.store, &wanted.file, expected) {
            Presence::Verified(path) => Ok(path),
            Presence::Touched(path) => {
                tracing::info!(file = %wanted.file, "file changed on disk, verifying it");
                self.lock.verify(&wanted.file, &path)?;
                self.has_read = true;
                Ok(path)
            }
            Presence::Missing => Err(HubError::Missing {
                preset: self.preset.name().to_owned(),
                component: wanted.component.clone(),
                file: wanted.file.to_string(),
            }),
        }
    }

    /// Writes the new stamps, so that the next start need not hash the same
    /// files. Where this fails, the next start hashes them again.
    fn remember(&self) {
        let write = || match self.store.try_lock()? {
            Some(held) => self.lock.write(&self.store, &held),
            None => Ok(()),
        };
        if self.has_read
            && let Err(error) = write()
        {
            tracing::warn!(%error, "failed to write the lock file of models");
        }
    }
}
