//! Removing the fetched files of a preset.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use facegen_core::Preset;

use crate::HubError;
use crate::lock_file::{LockFile, LockedFile, Presence};
use crate::store::Store;
use crate::wanted::{shards, wanted};

/// What was removed of a preset, and what was kept.
#[derive(Debug, Default)]
pub struct Removal {
    /// The removed files, by their names on the hub, with their sizes.
    pub removed: Vec<(String, u64)>,
    /// The kept files, each with the preset that uses it.
    pub kept: Vec<(String, String)>,
}

/// Removes the fetched files of a preset, except those that one of `others`
/// uses: a preset of which every file is here. Waits for another process that
/// fetches, after `waiting`.
///
/// # Errors
/// Fails when a file cannot be removed, or its path leads out of the store. What
/// was removed before then stays removed.
pub fn remove(
    preset: &Preset,
    others: &[Preset],
    data_dir: &Path,
    waiting: impl FnOnce(),
) -> Result<Removal, HubError> {
    let store = Store::new(data_dir);
    store.create()?;
    let held = store.lock(waiting)?;
    let mut lock = LockFile::read(&store)?;
    let own = fetched(preset, &lock, &store)?.files;
    let mut used = Vec::new();
    for other in others.iter().filter(|other| other.name() != preset.name()) {
        let found = fetched(other, &lock, &store)?;
        if found.is_whole {
            let name = other.name();
            used.extend(found.files.into_iter().map(|file| (file, name)));
        }
    }
    let mut removal = Removal::default();
    for locked in own {
        let name = format!("{}/{}", locked.repo, locked.file);
        if let Some((_, user)) = used.iter().find(|(file, _)| *file == locked) {
            removal.kept.push((name, (*user).to_owned()));
            continue;
        }
        lock.forget(&locked);
        remove_file(&locked, &lock, &store)?;
        lock.write(&store, &held)?;
        removal.removed.push((name, locked.size));
    }
    Ok(removal)
}

/// The entries of a preset's files in `models.lock`.
struct Fetched {
    files: Vec<LockedFile>,
    /// Whether every file is on disk.
    is_whole: bool,
}

fn fetched(preset: &Preset, lock: &LockFile, store: &Store) -> Result<Fetched, HubError> {
    let mut found = Fetched {
        files: Vec::new(),
        is_whole: true,
    };
    let mut queue = wanted(preset);
    while let Some(wanted) = queue.pop() {
        if let Some(locked) = lock.get(&wanted.file) {
            found.files.push(locked.clone());
        }
        match lock.presence(store, &wanted.file, wanted.sha256.as_deref()) {
            Presence::Missing => found.is_whole = false,
            Presence::Touched(path) | Presence::Verified(path) => {
                let commit = found.files.last().map(|locked| locked.commit.clone());
                queue.extend(shards(&wanted, &commit.unwrap_or_default(), &path)?);
            }
        }
    }
    // The model of a style can be that of the preset.
    found.files.sort_by(|a, b| a.name().cmp(&b.name()));
    found.files.dedup();
    Ok(found)
}

/// Removes the name of a file, and its bytes unless an entry of `lock` has the
/// same.
fn remove_file(locked: &LockedFile, lock: &LockFile, store: &Store) -> Result<(), HubError> {
    let link = store.snapshot(&locked.repo, &locked.commit, &locked.file);
    remove_inside(store, &link)?;
    let blob = store.blob(&locked.repo, &locked.blob);
    if !lock.has_blob(&locked.repo, &locked.blob) {
        remove_inside(store, &blob)?;
    }
    Ok(())
}

/// Removes a file, unless it is gone, and the directories that it leaves empty.
///
/// # Errors
/// Fails when a link or a name in `models.lock` leads out of the store.
fn remove_inside(store: &Store, path: &Path) -> Result<(), HubError> {
    let root = fs::canonicalize(store.root()).map_err(HubError::at(store.root()))?;
    let directory = match fs::canonicalize(path.parent().unwrap_or(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        directory => directory.map_err(HubError::at(path))?,
    };
    let outside = || HubError::Outside {
        path: path.to_owned(),
        root: root.clone(),
    };
    let name = path.file_name().ok_or_else(outside)?;
    if !directory.starts_with(&root) || directory == root {
        return Err(outside());
    }
    match fs::remove_file(directory.join(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => (),
        removed => removed.map_err(HubError::at(path))?,
    }
    remove_empty(&directory, &root);
    Ok(())
}

/// Removes a directory and those above it, up to the store, as far as they are
/// empty.
fn remove_empty(directory: &Path, root: &Path) {
    let above: Vec<PathBuf> = directory.ancestors().map(Path::to_owned).collect();
    for directory in above.iter().take_while(|above| *above != root) {
        if fs::remove_dir(directory).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import;

    /// The data directory, with presets next to it that want files of one hub.
    struct Site(tempfile::TempDir);

    impl Site {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn data(&self) -> PathBuf {
            self.0.path().join("data")
        }

        /// Writes a preset that wants these files for its detector and embedder,
        /// and fetches them.
        fn fetched(&self, name: &str, [detector, embedder]: [&str; 2]) -> Preset {
            let (models, source) = (self.0.path(), self.0.path().join("source"));
            fs::create_dir_all(&source).unwrap();
            let component = |role: &str, file: &str| {
                let path = source.join(file);
                fs::write(&path, format!("weights of {file}")).unwrap();
                let sha256 = facegen_core::sha256::of_file(&path).unwrap();
                format!(
                    "[components.{role}]\nlicence = \"MIT\"\nsha256 = \"{sha256}\"\n\
                     source = {{ hub = {{ repo = \"a/b\", file = \"onnx/{file}\" }} }}\n"
                )
            };
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo.toml");
            let demo = fs::read_to_string(shipped).unwrap();
            let (before, _) = demo.split_once("[components.face_detector]").unwrap();
            let before = before.replace("\"demo\"", &format!("{name:?}"));
            let parts = [
                component("face_detector", detector),
                component("face_embedder", embedder),
            ];
            fs::write(
                models.join(format!("{name}.toml")),
                format!("{before}{}", parts.concat()),
            )
            .unwrap();
            let preset = Preset::find(models, name).unwrap();
            import(&preset, &source, &self.data(), &[], &|_| ()).unwrap();
            preset
        }

        fn remove(&self, preset: &Preset, others: &[Preset]) -> Result<Removal, HubError> {
            remove(preset, others, &self.data(), || ())
        }

        /// Returns the paths of all files in the store of one repository.
        fn files(&self) -> usize {
            let mut count = 0;
            let mut directories = vec![self.data().join("models/models--a--b")];
            while let Some(directory) = directories.pop() {
                for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                    let is_directory = entry.file_type().unwrap().is_dir();
                    if is_directory {
                        directories.push(entry.path());
                    }
                    count += usize::from(!is_directory);
                }
            }
            count
        }
    }

    #[test]
    fn files_that_another_whole_preset_uses_are_kept() {
        let site = Site::new();
        let one = site.fetched("one", ["detector.onnx", "one.onnx"]);
        let two = site.fetched("two", ["detector.onnx", "two.onnx"]);
        assert_eq!(site.files(), 6, "three blobs and their names");
        let presets = [one.clone(), two.clone()];
        let removal = site.remove(&one, &presets).unwrap();
        assert_eq!(
            removal.removed,
            [(
                "a/b/onnx/one.onnx".to_owned(),
                "weights of one.onnx".len() as u64
            )]
        );
        let kept = ("a/b/onnx/detector.onnx".to_owned(), "two".to_owned());
        assert_eq!(removal.kept, [kept]);
        assert!(
            crate::verify(&two, &site.data(), &|_| ())
                .unwrap()
                .is_empty()
        );
        // The first is not whole any more and keeps nothing from the second.
        let removal = site.remove(&two, &presets).unwrap();
        assert_eq!((removal.removed.len(), removal.kept.len()), (2, 0));
        assert_eq!(site.files(), 0);
        assert!(!site.data().join("models/models--a--b").exists());
        let removal = site.remove(&two, &presets).unwrap();
        assert_eq!((removal.removed.len(), removal.kept.len()), (0, 0));
    }

    #[test]
    fn bytes_with_a_second_name_are_kept() {
        let site = Site::new();
        let one = site.fetched("one", ["detector.onnx", "one.onnx"]);
        let store = Store::new(&site.data());
        let mut lock = LockFile::read(&store).unwrap();
        let entry = fetched(&one, &lock, &store).unwrap().files.remove(0);
        let (repo, blob) = (entry.repo.clone(), entry.blob.clone());
        lock.put(LockedFile {
            file: "other.onnx".to_owned(),
            ..entry
        });
        lock.write(&store, &store.lock(|| ()).unwrap()).unwrap();
        assert_eq!(site.remove(&one, &[]).unwrap().removed.len(), 2);
        assert!(store.blob(&repo, &blob).is_file());
    }

    #[test]
    fn nothing_outside_the_store_is_removed() {
        let site = Site::new();
        let one = site.fetched("one", ["detector.onnx", "one.onnx"]);
        let lock = site.data().join("models/models.lock");
        let text = fs::read_to_string(&lock).unwrap();
        let precious = site.0.path().join("precious");
        fs::write(&precious, "kept").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for line in lines.iter_mut().filter(|line| line.starts_with("blob = ")) {
            *line = "blob = \"../../../../precious\"".to_owned();
        }
        fs::write(&lock, lines.join("\n")).unwrap();
        let error = site.remove(&one, &[]).unwrap_err();
        assert!(matches!(error, HubError::Outside { .. }), "{error}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
    }

    #[test]
    fn a_directory_that_is_a_link_is_not_followed_out_of_the_store() {
        let site = Site::new();
        let one = site.fetched("one", ["detector.onnx", "one.onnx"]);
        let (blobs, elsewhere) = (
            site.data().join("models/models--a--b/blobs"),
            site.0.path().join("elsewhere"),
        );
        fs::rename(&blobs, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &blobs).unwrap();
        let error = site.remove(&one, &[]).unwrap_err();
        assert!(matches!(error, HubError::Outside { .. }), "{error}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2);
    }
}
