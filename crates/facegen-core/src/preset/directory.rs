//! The directory of presets, and the manifests that are compiled in.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::PresetError;

/// The names and manifests of the presets that are compiled in, so that they are
/// there wherever the program is started.
const COMPILED_IN: [(&str, &str); 4] = [
    ("demo", include_str!("../../../../models/demo.toml")),
    (
        "realistic-vision-faceid",
        include_str!("../../../../models/realistic-vision-faceid.toml"),
    ),
    (
        "sd15-faceid",
        include_str!("../../../../models/sd15-faceid.toml"),
    ),
    (
        "sd15-plus-face",
        include_str!("../../../../models/sd15-plus-face.toml"),
    ),
];

/// Returns the path of a manifest in the directory.
pub(super) fn path(models_dir: &Path, name: &str) -> PathBuf {
    models_dir.join(format!("{name}.toml"))
}

/// Returns the text of a manifest: the file in the directory, else the one that
/// is compiled in.
///
/// # Errors
/// Fails when the name is not valid, there is no such preset, or its file cannot
/// be read.
pub(super) fn manifest(models_dir: &Path, name: &str) -> Result<String, PresetError> {
    if !is_name(name) {
        return Err(PresetError::InvalidName {
            name: name.to_owned(),
            models_dir: models_dir.to_owned(),
            available: available(models_dir),
        });
    }
    let path = path(models_dir, name);
    if path.is_file() {
        return std::fs::read_to_string(&path).map_err(|source| PresetError::File { path, source });
    }
    let mut compiled_in = COMPILED_IN.iter();
    let text = compiled_in.find(|(other, _)| *other == name);
    let text = text.map(|(_, text)| (*text).to_owned());
    text.ok_or_else(|| PresetError::Unknown {
        name: name.to_owned(),
        available: available(models_dir),
    })
}

/// Returns the names of all presets in alphabetical order. A directory that does
/// not exist has none of its own.
///
/// # Errors
/// Fails when the directory cannot be read.
pub(super) fn names(models_dir: &Path) -> Result<BTreeSet<String>, PresetError> {
    let mut names = match names_of_files(models_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
        names => names.map_err(|source| PresetError::File {
            path: models_dir.to_owned(),
            source,
        })?,
    };
    names.extend(compiled_in().map(str::to_owned));
    Ok(names)
}

fn compiled_in() -> impl Iterator<Item = &'static str> {
    COMPILED_IN.iter().map(|(name, _)| *name)
}

fn names_of_files(models_dir: &Path) -> io::Result<BTreeSet<String>> {
    let is_manifest = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    };
    let names = std::fs::read_dir(models_dir)?
        .flatten()
        .map(|entry| entry.path())
        .filter(is_manifest)
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// Checks that `name` is valid for a preset: it becomes part of a path.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    !name.is_empty() && name.chars().all(is_plain)
}

/// Lists the presets, for messages about unknown names.
fn available(models_dir: &Path) -> String {
    let names = match names_of_files(models_dir) {
        Ok(names) if names.is_empty() => "has none".to_owned(),
        Ok(names) => format!("has: {}", names.into_iter().collect::<Vec<_>>().join(", ")),
        Err(_) => "cannot be read".to_owned(),
    };
    format!(
        "the directory {} (engine.models_dir, --models-dir) {names}; compiled in: {}",
        models_dir.display(),
        compiled_in().collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Preset;

    #[test]
    fn without_a_directory_there_are_the_presets_that_are_compiled_in() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("models");
        let presets = Preset::all(&missing).unwrap();
        let found: Vec<&str> = presets.iter().map(Preset::name).collect();
        assert_eq!(found, compiled_in().collect::<Vec<_>>());
        let error = Preset::find(&missing, "other").unwrap_err().to_string();
        for part in [
            "there is no preset other",
            "models (engine.models_dir, --models-dir) cannot be read",
            "compiled in: demo, realistic-vision-faceid, sd15-faceid, sd15-plus-face",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn every_published_preset_is_compiled_in() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        let files = names_of_files(&models).unwrap();
        assert_eq!(files, compiled_in().map(str::to_owned).collect());
    }

    #[test]
    fn a_file_wins_over_the_preset_of_its_name_that_is_compiled_in() {
        let directory = tempfile::tempdir().unwrap();
        let own = COMPILED_IN[0]
            .1
            .replace("small networks", "larger networks");
        fs::write(path(directory.path(), "demo"), &own).unwrap();
        assert_eq!(manifest(directory.path(), "demo").unwrap(), own);
        let presets = Preset::all(directory.path()).unwrap();
        assert_eq!(presets.len(), COMPILED_IN.len());
        assert!(presets[0].description().contains("larger"));
        let faceid = manifest(directory.path(), "sd15-faceid").unwrap();
        assert_eq!(faceid, COMPILED_IN[2].1);
    }
}
