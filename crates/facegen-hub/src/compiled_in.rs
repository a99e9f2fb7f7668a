//! The files of published presets that are compiled in: what no hub has, but for
//! the demo's own networks, which are too large.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::Source;

use crate::HubError;
use crate::store::Store;

/// Lists files of the directory of presets with their content.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../models/", $name)))),*]
    };
}

/// The files, by their paths in manifests.
const FILES: [(&str, &[u8]); 9] = files![
    "demo/face_detector/yunet_2023mar.onnx",
    "demo/tokenizer/tokenizer.json",
    "sd15/adapter_faceid/config.json",
    "sd15/adapter_plus_face/config.json",
    "sd15/image_encoder/config.json",
    "sd15/safety_checker/config.json",
    "sd15/text_encoder/config.json",
    "sd15/unet/config.json",
    "sd15/vae/config.json",
];

/// Returns the path of a file that the manifest of a preset names: the one in
/// the directory of presets, else the one that is compiled in, which is written
/// to the store.
///
/// # Errors
/// Fails when there is no such file, or the store cannot be written.
pub(super) fn path_of(
    preset: &Preset,
    component: &str,
    relative: &Path,
    store: &Store,
) -> Result<PathBuf, HubError> {
    let path = preset.path(relative);
    // One that cannot be looked at is for its reader to report.
    if path.try_exists().unwrap_or(true) {
        return Ok(path);
    }
    let found = FILES.iter().find(|(name, _)| Path::new(name) == relative);
    let Some((name, content)) = found else {
        return Err(HubError::NoFile {
            preset: preset.name().to_owned(),
            component: component.to_owned(),
            path,
        });
    };
    let path = store.root().join("compiled-in").join(name);
    write_unless_equal(&path, content).map_err(HubError::at(&path))?;
    Ok(path)
}

/// Reads a file that the manifest of a preset names by its path, or the one that
/// is compiled in.
///
/// # Errors
/// Fails when there is no such file, or it cannot be read.
pub fn read_local(preset: &Preset, relative: &Path) -> io::Result<Vec<u8>> {
    match fs::read(preset.path(relative)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let found = FILES.iter().find(|(name, _)| Path::new(name) == relative);
            found.map(|(_, content)| content.to_vec()).ok_or(error)
        }
        read => read,
    }
}

/// Returns whether every file that the manifest names by its path exists, or is
/// compiled in.
#[must_use]
pub fn has_local_files(preset: &Preset) -> bool {
    let exists = |relative: &Path| {
        let mut files = FILES.iter();
        preset.path(relative).exists() || files.any(|(name, _)| Path::new(name) == relative)
    };
    preset.models().into_iter().all(|(_, model)| {
        let has_source = match &model.source {
            Source::Path(path) => exists(path),
            Source::Hub(_) | Source::Synthetic(_) => true,
        };
        has_source && model.config.as_deref().is_none_or(exists)
    })
}

/// Writes a file atomically, unless it has that content already.
fn write_unless_equal(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    // Of its own for each process: two may start at once.
    let new = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&new, content)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_of_published_weights_need_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let presets = Preset::all(&directory.path().join("missing")).unwrap();
        for preset in presets.iter().filter(|preset| preset.name() != "demo") {
            assert!(has_local_files(preset), "{}", preset.name());
            for (name, model) in preset.models() {
                let path = match &model.source {
                    Source::Path(path) => Some(path),
                    Source::Hub(_) | Source::Synthetic(_) => None,
                };
                for relative in path.into_iter().chain(&model.config) {
                    let found = path_of(preset, &name, relative, &store).unwrap();
                    assert!(found.starts_with(directory.path().join("models")));
                    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
                    let expected = fs::read(shipped.join(relative)).unwrap();
                    assert!(fs::read(found).unwrap() == expected, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_file_in_the_directory_wins_and_a_changed_copy_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let (models, relative) = (directory.path(), Path::new("sd15/vae/config.json"));
        let store = Store::new(&models.join("data"));
        let preset = Preset::find(models, "sd15-faceid").unwrap();
        let find = || path_of(&preset, "vae", relative, &store).unwrap();
        let copy = find();
        fs::write(&copy, "changed").unwrap();
        assert_eq!(find(), copy);
        assert_ne!(fs::read(&copy).unwrap(), b"changed");
        fs::create_dir_all(models.join("sd15/vae")).unwrap();
        fs::write(models.join(relative), "{}").unwrap();
        assert_eq!(find(), models.join(relative));
    }

    #[test]
    fn the_demos_networks_are_looked_for_in_the_directory_only() {
        let directory = tempfile::tempdir().unwrap();
        let preset = Preset::find(directory.path(), "demo").unwrap();
        assert!(!has_local_files(&preset));
        let error = crate::locate(&preset, directory.path(), &[]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("--models-dir"), "{text}");
        assert!(text.contains("demo/text_encoder"), "{text}");
    }
}
