//! Hashing the files of a preset.

use std::path::Path;

use facegen_core::Preset;

use crate::lock_file::{LockFile, Presence};
use crate::store::Store;
use crate::wanted::{Wanted, shards, wanted};
use crate::{HubError, PullEvent};

/// A file that failed its verification.
#[derive(Debug)]
pub struct Fault {
    /// The file, by its name on the hub.
    pub file: String,
    /// Why.
    pub error: HubError,
}

/// Hashes every file that a preset has from a hub. A damaged file is not loaded
/// from then on, and `pull` fetches it again. Returns the faults.
///
/// # Errors
/// Fails when the directory cannot be used.
pub fn verify(
    preset: &Preset,
    data_dir: &Path,
    progress: &dyn Fn(PullEvent<'_>),
) -> Result<Vec<Fault>, HubError> {
    let store = Store::new(data_dir);
    store.create()?;
    let held = store.lock(|| progress(PullEvent::Waiting))?;
    let mut lock = LockFile::read(&store)?;
    let (mut faults, mut queue) = (Vec::new(), wanted(preset));
    while let Some(wanted) = queue.pop() {
        let name = wanted.file.to_string();
        progress(PullEvent::Checking { file: &name });
        match read(preset, &store, &mut lock, &wanted) {
            Ok(shards) => queue.extend(shards),
            Err(error) => faults.push(Fault { file: name, error }),
        }
    }
    lock.write(&store, &held)?;
    Ok(faults)
}

/// Hashes one file, and returns those that it names.
fn read(
    preset: &Preset,
    store: &Store,
    lock: &mut LockFile,
    wanted: &Wanted,
) -> Result<Vec<Wanted>, HubError> {
    match lock.presence(store, &wanted.file, wanted.sha256.as_deref()) {
        Presence::Missing => Err(HubError::Missing {
            preset: preset.name().to_owned(),
            component: wanted.component.clone(),
            file: wanted.file.to_string(),
        }),
        Presence::Touched(path) | Presence::Verified(path) => {
            lock.verify(&wanted.file, &path)?;
            let commit = lock.get(&wanted.file).map(|locked| locked.commit.clone());
            shards(wanted, &commit.unwrap_or_default(), &path)
        }
    }
}
