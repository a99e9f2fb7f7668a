//! The state of each component of a preset on this machine.

use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::sha256;

use crate::HubError;
use crate::locate::locate_each;

/// One component of a preset, and the state of its file.
#[derive(Debug)]
pub struct ComponentFile {
    /// Its name in the manifest.
    pub component: String,
    /// The licence of its weights.
    pub licence: String,
    /// Its file, or why it cannot be used: its licence is not accepted, or the
    /// file is missing, damaged or unreadable.
    pub found: Result<FoundFile, HubError>,
}

/// A component's file on disk.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// The file or directory that is loaded; `None` for synthetic weights.
    pub path: Option<PathBuf>,
    /// Hash of the file as it is now. `None` where there is no single file.
    pub sha256: Option<String>,
}

/// Returns every component with its file, in the manifest's order. Reads all
/// files from end to end.
///
/// # Errors
/// Fails when the records of licences or of fetched files cannot be read.
pub fn inspect(
    preset: &Preset,
    data_dir: &Path,
    accept: &[String],
) -> Result<Vec<ComponentFile>, HubError> {
    let located = locate_each(preset, data_dir, accept)?;
    let files = located.into_iter().map(|located| ComponentFile {
        component: located.component,
        licence: located.licence,
        found: located.path.and_then(read),
    });
    Ok(files.collect())
}

fn read(path: Option<PathBuf>) -> Result<FoundFile, HubError> {
    let file = path.as_deref().filter(|path| !path.is_dir());
    let hash = |path: &Path| {
        sha256::of_file(path).map_err(|source| HubError::File {
            path: path.to_owned(),
            source,
        })
    };
    Ok(FoundFile {
        sha256: file.map(hash).transpose()?,
        path,
    })
}
