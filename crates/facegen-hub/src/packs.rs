//! The hashes of packed weights, which the engine writes, in `models.lock`.

use std::path::Path;

use crate::HubError;
use crate::lock_file::{LockFile, LockedPack};
use crate::store::Store;

/// Records a pack in `models.lock`, in place of an older one with its path, and drops the entries
/// of packs that are gone.
///
/// # Errors
/// Fails when the file cannot be read or written.
pub fn record_pack(data_dir: &Path, pack: LockedPack) -> Result<(), HubError> {
    let store = Store::new(data_dir);
    store.create()?;
    let held = store.lock(|| {})?;
    let mut lock = LockFile::read(&store)?;
    lock.packs
        .retain(|other| other.path != pack.path && other.path.exists());
    lock.packs.push(pack);
    lock.packs.sort_by(|a, b| a.path.cmp(&b.path));
    lock.write(&store, &held)
}

/// Returns the recorded packs of a preset; some may be gone.
///
/// # Errors
/// Fails when `models.lock` cannot be read.
pub fn packs(preset: &str, data_dir: &Path) -> Result<Vec<LockedPack>, HubError> {
    let mut packs = LockFile::read(&Store::new(data_dir))?.packs;
    packs.retain(|pack| pack.preset == preset);
    Ok(packs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_replaces_the_one_of_its_path_and_those_that_are_gone() {
        let data_dir = tempfile::tempdir().unwrap();
        let file = |name: &str| data_dir.path().join(name);
        let pack = |name: &str, sha256: &str| LockedPack {
            preset: name[..1].to_owned(),
            path: file(name),
            size: 3,
            sha256: sha256.to_owned(),
        };
        for name in ["a1", "a2", "b1"] {
            std::fs::write(file(name), "abc").unwrap();
            record_pack(data_dir.path(), pack(name, "old")).unwrap();
        }
        std::fs::remove_file(file("a2")).unwrap();
        record_pack(data_dir.path(), pack("a1", "new")).unwrap();
        assert_eq!(packs("a", data_dir.path()).unwrap(), [pack("a1", "new")]);
        assert_eq!(packs("b", data_dir.path()).unwrap(), [pack("b1", "old")]);
    }
}
