//! What a preset consists of on this machine.

use std::path::{Path, PathBuf};

use crate::hub::{self, sha256_of};
use crate::{EngineError, LoadOptions, Preset};

/// One component of a preset, and what is to be said of its file.
#[derive(Debug)]
pub struct ComponentFile {
    /// Its name in the manifest.
    pub component: String,
    /// The licence of its weights.
    pub licence: String,
    /// How it lies on disk, or why it cannot be used: its licence is not
    /// accepted, or the file is missing, damaged or unreadable.
    pub found: Result<FoundFile, EngineError>,
}

/// A component as it lies on disk.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// The file or folder that is loaded; `None` for synthetic weights.
    pub path: Option<PathBuf>,
    /// Hash of the file, read anew. `None` where there is no single file.
    pub sha256: Option<String>,
}

/// Every component with its file, in the manifest's order. Reads all files
/// from end to end.
///
/// # Errors
/// What is recorded of licences and of fetched files cannot be read.
pub fn inspect(preset: &Preset, options: &LoadOptions) -> Result<Vec<ComponentFile>, EngineError> {
    let located = hub::locate_each(preset, &options.data_dir, &options.accept)?;
    let files = located.into_iter().map(|located| ComponentFile {
        component: located.component,
        licence: located.licence,
        found: located.path.map_err(Into::into).and_then(read),
    });
    Ok(files.collect())
}

fn read(path: Option<PathBuf>) -> Result<FoundFile, EngineError> {
    let file = path.as_deref().filter(|path| !path.is_dir());
    let hash = |path: &Path| {
        sha256_of(path).map_err(|source| EngineError::File {
            path: path.to_owned(),
            source,
        })
    };
    Ok(FoundFile {
        sha256: file.map(hash).transpose()?,
        path,
    })
}
