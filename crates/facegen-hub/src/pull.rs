//! Fetching the missing files of a preset.

use std::fs;
use std::path::Path;

use facegen_core::Preset;
use facegen_core::sha256;
use facegen_core::stamp::stamp;

use crate::client::Client;
use crate::description::RemoteFile;
use crate::download::{Download, already_here, persist};
use crate::lock_file::{LockFile, LockedFile, Presence};
use crate::origin::host;
use crate::store::{Store, StoreLock};
use crate::wanted::{Wanted, shards, wanted};
use crate::{Accepted, Gate, HubAccess, HubError, PullEvent};

/// The space that stays free on the disk.
const RESERVE: u64 = 64 << 20;

/// Fetches presets.
#[expect(missing_debug_implementations, reason = "a function has no text")]
pub struct Pull<'a> {
    /// The hub.
    pub access: &'a HubAccess,
    /// The data directory.
    pub data_dir: &'a Path,
    /// Accepted licences, in addition to those that the directory records.
    pub accept: &'a [String],
    /// Called with every event.
    pub progress: &'a dyn Fn(PullEvent<'_>),
}

/// The result of a pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// How many files were on disk already.
    pub here: usize,
    /// How many were fetched.
    pub fetched: usize,
}

impl Pull<'_> {
    /// Fetches every file of the preset that is missing. Files that
    /// `models.lock` lists are not requested again. Waits for another process
    /// that pulls.
    ///
    /// # Errors
    /// Fails when a licence is not accepted, the disk is too small, the hub
    /// cannot be reached or sends another file. A partial file is kept.
    pub fn run(&self, preset: &Preset) -> Result<Pulled, HubError> {
        Gate::check(preset, &Accepted::read(self.data_dir, self.accept)?)?;
        let store = Store::new(self.data_dir);
        store.create()?;
        let held = store.lock(|| (self.progress)(PullEvent::Waiting))?;
        let mut run = Run {
            pull: self,
            client: Client::new(self.access),
            lock: LockFile::read(&store)?,
            store,
            held,
            pulled: Pulled::default(),
        };
        let mut queue = wanted(preset);
        while !queue.is_empty() {
            queue = run.fetch_all(queue)?;
        }
        Ok(run.pulled)
    }
}

struct Run<'a> {
    pull: &'a Pull<'a>,
    client: Client,
    store: Store,
    held: StoreLock,
    lock: LockFile,
    pulled: Pulled,
}

impl Run<'_> {
    /// Fetches the missing files of `queue`, and returns those that they name.
    fn fetch_all(&mut self, queue: Vec<Wanted>) -> Result<Vec<Wanted>, HubError> {
        let (mut missing, mut named) = (Vec::new(), Vec::new());
        for wanted in queue {
            if self.is_here(&wanted)? {
                self.pulled.here += 1;
                named.extend(self.shards(&wanted)?);
            } else {
                missing.push(wanted);
            }
        }
        if let Some(first) = missing.first()
            && self.pull.access.offline
        {
            let file = first.file.to_string();
            return Err(HubError::Offline { file });
        }
        let mut described = Vec::new();
        for wanted in missing {
            let remote = self.describe(&wanted)?;
            described.push((wanted, remote));
        }
        self.check_space(&described)?;
        self.announce(&described);
        for (wanted, remote) in described {
            self.fetch(&wanted, &remote)?;
            self.pulled.fetched += 1;
            named.extend(self.shards(&wanted)?);
        }
        Ok(named)
    }

    /// Whether a file is on disk and undamaged.
    fn is_here(&mut self, wanted: &Wanted) -> Result<bool, HubError> {
        let expected = wanted.sha256.as_deref();
        match self.lock.presence(&self.store, &wanted.file, expected) {
            Presence::Missing => Ok(false),
            Presence::Verified(_) => Ok(true),
            Presence::Touched(path) => {
                let name = wanted.file.to_string();
                (self.pull.progress)(PullEvent::Checking { file: &name });
                let verified = self.lock.verify(&wanted.file, &path);
                self.lock.write(&self.store, &self.held)?;
                match verified {
                    Ok(()) => Ok(true),
                    Err(HubError::Damaged { .. }) => {
                        tracing::warn!(file = name, "file is damaged, fetching it again");
                        Ok(false)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Requests a file's metadata, and compares it with the preset's.
    fn describe(&self, wanted: &Wanted) -> Result<RemoteFile, HubError> {
        let file = &wanted.file;
        let expected = wanted.sha256.as_deref();
        let describe = || {
            let described = self.client.describe(file, expected);
            described.map_err(|error| (false, error))
        };
        let remote = persist(file, self.pull.progress, describe)?;
        if let Some(expected) = wanted.bytes
            && expected != remote.size
        {
            return Err(HubError::Size {
                file: file.to_string(),
                expected,
                found: remote.size,
            });
        }
        match (wanted.sha256.as_deref(), remote.sha256()) {
            (Some(expected), Some(found)) if expected != found => Err(HubError::Hash {
                file: file.to_string(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            }),
            _ => Ok(remote),
        }
    }

    /// Reports how much is to be fetched.
    fn announce(&self, files: &[(Wanted, RemoteFile)]) {
        if files.is_empty() {
            return;
        }
        let sizes = files.iter().map(|(_, remote)| remote.size);
        let size = sizes.fold(0, u64::saturating_add);
        (self.pull.progress)(PullEvent::Planned {
            host: &host(&self.pull.access.endpoint),
            files: files.len(),
            done: size - self.missing(files).min(size),
            size,
        });
    }

    /// Returns how many bytes of the files are not on disk.
    fn missing(&self, files: &[(Wanted, RemoteFile)]) -> u64 {
        let missing = files.iter().map(|(wanted, remote)| {
            let path = self.store.blob(wanted.file.repo(), &remote.blob);
            remote.size.saturating_sub(already_here(&path))
        });
        missing.fold(0, u64::saturating_add)
    }

    fn check_space(&self, files: &[(Wanted, RemoteFile)]) -> Result<(), HubError> {
        let needed = self.missing(files);
        let path = self.store.root();
        let disk = rustix::fs::statvfs(path).map_err(|error| HubError::at(path)(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if needed == 0 || needed.saturating_add(RESERVE) <= free {
            return Ok(());
        }
        Err(HubError::Space {
            path: path.to_owned(),
            needed,
            free,
        })
    }

    /// Downloads a file, unless its bytes are on disk, and records it.
    fn fetch(&mut self, wanted: &Wanted, remote: &RemoteFile) -> Result<(), HubError> {
        let file = &wanted.file;
        let path = self.store.blob(file.repo(), &remote.blob);
        let expected = wanted.sha256.as_deref().or(remote.sha256());
        let sha256 = match self.kept(&path, expected)? {
            Some(sha256) => {
                (self.pull.progress)(PullEvent::Kept {
                    file: &file.to_string(),
                    size: remote.size,
                });
                sha256
            }
            None => {
                let progress = self.pull.progress;
                let download = Download::open(&self.client, progress, file, remote, &path)?;
                download.finish(expected)?
            }
        };
        let (blob, commit) = (&remote.blob, &remote.commit);
        let link = self.store.link(file.repo(), blob, commit, file.file())?;
        let metadata = fs::metadata(&link).map_err(HubError::at(&link))?;
        self.lock.put(LockedFile {
            repo: file.repo().to_owned(),
            revision: file.revision().to_owned(),
            file: file.file().to_owned(),
            commit: commit.clone(),
            blob: blob.clone(),
            size: remote.size,
            sha256,
            stamp: Some(stamp(&metadata)),
        });
        self.lock.write(&self.store, &self.held)
    }

    /// Returns the hash of a blob that is on disk without an entry in
    /// `models.lock`; removes one with another hash.
    fn kept(&self, path: &Path, expected: Option<&str>) -> Result<Option<String>, HubError> {
        let (true, Some(expected)) = (path.is_file(), expected) else {
            return Ok(None);
        };
        let found = sha256::of_file(path).map_err(HubError::at(path))?;
        if found == expected {
            return Ok(Some(found));
        }
        fs::remove_file(path).map_err(HubError::at(path))?;
        Ok(None)
    }

    fn shards(&self, wanted: &Wanted) -> Result<Vec<Wanted>, HubError> {
        let Some(locked) = self.lock.get(&wanted.file) else {
            return Ok(Vec::new());
        };
        let path = self
            .store
            .snapshot(&locked.repo, &locked.commit, &locked.file);
        shards(wanted, &locked.commit, &path)
    }
}
