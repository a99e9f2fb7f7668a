//! The packs of a preset: the first load writes packed weights to files, later ones map them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use facegen_nn::packs::{self, PackFile, PackWriter, Packing, WrittenPack};
use facegen_nn::{Compute, NnError};

use super::pack_place::PackPlace;
use crate::EngineError;

/// How the names of packs end.
const EXTENSION: &str = "pack";

/// Hears of each pack that was written for the preset of that name.
type Listener = Arc<dyn Fn(&str, &WrittenPack) + Send + Sync>;

/// Hears of each weight that is packed.
type Progress = Arc<dyn Fn(PackProgress<'_>) + Send + Sync>;

/// How far a network's weights are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackProgress<'a> {
    /// The name of the pack, such as `unet-0123456789abcdef`.
    pub pack: &'a str,
    /// Bytes that are written.
    pub done: u64,
    /// About how many bytes there will be; `done` after the last.
    pub size: u64,
}

/// Where packed weights are kept; by default nowhere.
#[derive(Clone, Default)]
pub struct Packs {
    /// Has a directory for each preset.
    directory: Option<PathBuf>,
    listener: Option<Listener>,
    progress: Option<Progress>,
    releases: bool,
    /// What weights are packed for, if they are.
    kernel: Option<String>,
    /// The packs that the current load uses.
    used: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Packs {
    /// Keeps packs in `directory`. `written` is called after one was written,
    /// with the name of its preset.
    #[must_use]
    pub fn new(
        directory: PathBuf,
        written: impl Fn(&str, &WrittenPack) + Send + Sync + 'static,
    ) -> Self {
        Self {
            directory: Some(directory),
            listener: Some(Arc::new(written)),
            ..Self::default()
        }
    }

    /// Calls `progress` after each weight that is packed.
    #[must_use]
    pub fn heard_by(self, progress: impl Fn(PackProgress<'_>) + Send + Sync + 'static) -> Self {
        Self {
            progress: Some(Arc::new(progress)),
            ..self
        }
    }

    /// Sets whether networks that compute once for an image give their memory
    /// back to the system after it.
    #[must_use]
    pub fn releasing(self, releases: bool) -> Self {
        Self { releases, ..self }
    }

    /// Returns what [`Packs::releasing`] set.
    pub(crate) fn releases(&self) -> bool {
        self.releases
    }

    /// Begins a load.
    pub(super) fn begin(&self, compute: &Compute) -> Self {
        // Other versions may compute otherwise what packs keep of a model's results.
        let version = env!("CARGO_PKG_VERSION");
        let kernel = || [compute.dtype().as_str(), compute.kernel(), version].join(" ");
        Self {
            kernel: compute.packs_weights().then(kernel),
            used: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns what weights are packed for, where packs are kept.
    pub(super) fn kernel(&self) -> Option<&str> {
        self.directory.as_ref().and(self.kernel.as_deref())
    }

    /// Loads a model from the pack at `place`. If there is none that can be
    /// used, it is packed into one, or where that fails, in memory.
    pub(super) fn load<T>(
        &self,
        place: Option<&PackPlace>,
        load: impl Fn(&Packing) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let (Some(directory), Some(place)) = (&self.directory, place) else {
            return load(&Packing::InMemory);
        };
        let path = directory.join(&place.preset).join(&place.name);
        let path = path.with_extension(EXTENSION);
        match PackFile::open(&path, &place.identity) {
            Ok(Some(pack)) => {
                tracing::debug!(path = %path.display(), "mapped packed weights");
                self.mark_used(path);
                return load(&Packing::From(Arc::new(pack)));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "packing the weights again"),
        }
        match self.write(place, &path, &load) {
            Err(EngineError::Model(NnError::Pack(error))) => {
                tracing::warn!(%error, "packed weights are not kept, and packed at each start");
                load(&Packing::InMemory)
            }
            result => result,
        }
    }

    fn write<T>(
        &self,
        place: &PackPlace,
        path: &Path,
        load: impl Fn(&Packing) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let started = Instant::now();
        let directory = path.parent().unwrap_or(path);
        packs::make_directory(directory).map_err(NnError::from)?;
        packs::remove_abandoned(directory);
        tracing::info!(path = %path.display(), "packing weights, which later starts will not");
        let identity = place.identity.clone();
        let writer = PackWriter::create(path, identity, place.size).map_err(NnError::from)?;
        let writer = Arc::new(match self.progress.clone() {
            Some(progress) => writer.heard_by(listener(&place.name, progress)),
            None => writer,
        });
        let model = load(&Packing::Into(Arc::clone(&writer)))?;
        let written = writer.finish().map_err(NnError::from)?;
        self.report(&place.name, written.size, written.size);
        let seconds = started.elapsed().as_secs_f32();
        tracing::info!(path = %path.display(), bytes = written.size, seconds, "packed weights");
        self.mark_used(path.to_owned());
        if let Some(listener) = &self.listener {
            listener(&place.preset, &written);
        }
        Ok(model)
    }

    fn report(&self, pack: &str, done: u64, size: u64) {
        if let Some(progress) = &self.progress {
            progress(PackProgress { pack, done, size });
        }
    }

    fn mark_used(&self, path: PathBuf) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(path);
    }

    /// Deletes the packs of a preset that this load did not use: its models
    /// have changed since. Other processes that map one keep it until they end.
    pub(super) fn remove_unused(&self, preset: &str) {
        if self.kernel().is_none() {
            return;
        }
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, _) in self.files(preset) {
            if !used.contains(&path) && fs::remove_file(&path).is_ok() {
                tracing::info!(path = %path.display(), "deleted packed weights that are not used");
            }
        }
    }

    /// Deletes all packs of a preset, and returns them with their sizes.
    ///
    /// # Errors
    /// Fails when one cannot be deleted.
    pub fn remove(&self, preset: &str) -> Result<Vec<(PathBuf, u64)>, EngineError> {
        let files = self.files(preset);
        for (path, _) in &files {
            fs::remove_file(path).map_err(|source| EngineError::File {
                path: path.clone(),
                source,
            })?;
        }
        Ok(files)
    }

    /// Lists the packs of a preset with their sizes.
    fn files(&self, preset: &str) -> Vec<(PathBuf, u64)> {
        let directory = self.directory.as_ref().map(|all| all.join(preset));
        let entries = directory.into_iter().flat_map(fs::read_dir).flatten();
        let files = entries.flatten().map(|entry| {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            (entry.path(), size)
        });
        let is_pack =
            |(path, _): &(PathBuf, u64)| path.extension().is_some_and(|end| end == EXTENSION);
        files.filter(is_pack).collect()
    }
}

/// Passes on how far the pack of that name is. The expected size is a guess: what is written may
/// be more.
fn listener(pack: &str, progress: Progress) -> impl Fn(u64, u64) + Send + Sync + 'static {
    let pack = pack.to_owned();
    move |done, expected| {
        progress(PackProgress {
            pack: &pack,
            done,
            size: expected.max(done + 1),
        });
    }
}

/// Reads a pack as a whole and returns its hash; `None` if it is gone.
///
/// # Errors
/// Fails when it is damaged.
pub fn verify_pack(path: &Path) -> Result<Option<String>, EngineError> {
    Ok(PackFile::verify(path).map_err(NnError::from)?)
}

impl fmt::Debug for Packs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Packs")
            .field("directory", &self.directory)
            .field("kernel", &self.kernel)
            .finish_non_exhaustive()
    }
}
