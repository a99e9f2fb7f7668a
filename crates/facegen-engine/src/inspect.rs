//! What a preset consists of on this machine.

use std::path::PathBuf;

use crate::hub::{self, sha256_of};
use crate::preset::Source;
use crate::{EngineError, LoadOptions, Preset};

/// One component of a preset, as it lies on disk.
#[derive(Clone, Debug)]
pub struct ComponentFile {
    /// Its name in the manifest.
    pub component: String,
    /// The licence of its weights.
    pub licence: String,
    /// The file or folder that is loaded; `None` for synthetic weights.
    pub path: Option<PathBuf>,
    /// Hash of the file, read anew. `None` where there is no single file.
    pub sha256: Option<String>,
}

/// Every component with its file, in the manifest's order. Reads all files
/// from end to end.
///
/// # Errors
/// A licence is not accepted, or a file is missing, damaged or unreadable.
pub fn inspect(preset: &Preset, options: &LoadOptions) -> Result<Vec<ComponentFile>, EngineError> {
    let located = hub::locate(preset, &options.data_dir, &options.accept)?;
    let named = located.models();
    let files = named.into_iter().map(|(component, model)| {
        let path = match &model.source {
            Source::Path(path) => Some(located.path(path)),
            Source::Synthetic(_) | Source::Hub(_) => None,
        };
        let file = path.as_ref().filter(|path| !path.is_dir());
        let hash = |path: &PathBuf| {
            sha256_of(path).map_err(|source| EngineError::File {
                path: path.clone(),
                source,
            })
        };
        let sha256 = file.map(hash).transpose()?;
        Ok(ComponentFile {
            component,
            licence: model.licence.clone(),
            path,
            sha256,
        })
    });
    files.collect()
}
