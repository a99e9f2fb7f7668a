use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::sha256::hexadecimal;
use facegen_core::stamp::stamp;
use facegen_nn::packs::PackIdentity;
use sha2::{Digest, Sha256};

/// The name of a model's pack, and what it follows from.
#[derive(Debug)]
pub(super) struct PackPlace {
    /// The name of the preset.
    pub(super) preset: String,
    /// The name of the file, which follows from the paths of its sources.
    pub(super) name: String,
    /// What its contents follow from.
    pub(super) identity: PackIdentity,
    /// About how many bytes it has.
    pub(super) size: u64,
}

/// A checkpoint that a pack is made of.
#[derive(Debug)]
pub(super) struct PackSource {
    pub(super) path: PathBuf,
    /// The hash of the file where it was checked.
    pub(super) sha256: Option<String>,
}

impl PackPlace {
    /// Describes the pack of a model; the first of `sources` has its weights, others change them.
    ///
    /// # Errors
    /// Fails when a file is missing.
    pub(super) fn new(
        preset: &Preset,
        model: &str,
        sources: &[PackSource],
        kernel: &str,
    ) -> io::Result<Self> {
        let mut paths = Sha256::new().chain_update(kernel);
        let mut contents = Sha256::new();
        for config in preset.components().configs() {
            contents.update(fs::read(preset.path(config))?);
        }
        for source in sources {
            paths.update(source.path.as_os_str().as_encoded_bytes());
            paths.update([0]);
            contents.update(source.contents()?);
        }
        let size = sources.first().map(|source| fs::metadata(&source.path));
        let size = size.transpose()?.map_or(0, |metadata| metadata.len());
        Ok(Self {
            preset: preset.name().to_owned(),
            name: format!("{model}-{}", &hexadecimal(paths)[..16]),
            identity: PackIdentity {
                source: hexadecimal(contents),
                kernel: kernel.to_owned(),
            },
            size: if kernel.starts_with("bf16") {
                size / 2
            } else {
                size
            },
        })
    }
}

impl PackSource {
    /// Returns a line that differs where the contents do. A file without a hash counts as the same
    /// while its stamp is.
    fn contents(&self) -> io::Result<String> {
        let is_index = self.path.extension().is_some_and(|end| end == "json");
        if let Some(sha256) = self.sha256.as_ref().filter(|_| !is_index) {
            return Ok(format!("{sha256}\n"));
        }
        let directory = match (self.path.is_dir(), is_index) {
            (true, _) => Some(&*self.path),
            (_, true) => self.path.parent(),
            (_, _) => None,
        };
        match directory {
            Some(directory) => stamps(directory),
            None => Ok(format!("{}\n", stamp(&fs::metadata(&self.path)?))),
        }
    }
}

/// Returns the names and stamps of the files in a directory.
fn stamps(directory: &Path) -> io::Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        if metadata.is_file() {
            lines.push(format!("{}\t{}\n", path.display(), stamp(&metadata)));
        }
    }
    lines.sort();
    Ok(lines.concat())
}
