//! Resumable download of one file, hashed as it arrives.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use facegen_core::preset::HubFile;
use facegen_core::sha256::read_into;

use crate::client::Client;
use crate::description::RemoteFile;
use crate::hasher::Hasher;
use crate::{HubError, PullEvent};

/// The pauses after attempts that received nothing. An attempt that received
/// bytes is followed by the next at once.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// Retries `attempt` after transient errors. `attempt` returns with its error
/// whether it made progress.
pub(super) fn persist<T>(
    file: &HubFile,
    progress: &dyn Fn(PullEvent<'_>),
    mut attempt: impl FnMut() -> Result<T, (bool, HubError)>,
) -> Result<T, HubError> {
    let mut pauses = PAUSES.iter();
    loop {
        let error = match attempt() {
            Ok(result) => return Ok(result),
            Err((_, error)) if !error.is_transient() => return Err(error),
            Err((true, error)) => {
                pauses = PAUSES.iter();
                error
            }
            Err((false, error)) => match pauses.next() {
                Some(pause) => {
                    thread::sleep(*pause);
                    error
                }
                None => {
                    return Err(HubError::GivenUp {
                        file: file.to_string(),
                        attempts: PAUSES.len() + 1,
                        last: Box::new(error),
                    });
                }
            },
        };
        let name = file.to_string();
        progress(PullEvent::Interrupted {
            file: &name,
            reason: &error,
        });
    }
}

/// A download in flight. The bytes received so far are in `path` with the
/// extension `.part`, where the next process resumes.
pub(super) struct Download<'a> {
    client: &'a Client,
    progress: &'a dyn Fn(PullEvent<'_>),
    file: &'a HubFile,
    remote: &'a RemoteFile,
    path: &'a Path,
    part_path: PathBuf,
    part: File,
    done: u64,
    hasher: Hasher,
}

impl<'a> Download<'a> {
    /// Opens the part file, and resumes where the last process stopped.
    pub(super) fn open(
        client: &'a Client,
        progress: &'a dyn Fn(PullEvent<'_>),
        file: &'a HubFile,
        remote: &'a RemoteFile,
        path: &'a Path,
    ) -> Result<Self, HubError> {
        let part_path = part_path(path);
        let directory = path.parent().unwrap_or(path);
        fs::create_dir_all(directory).map_err(HubError::at(directory))?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let part = options.open(&part_path).map_err(HubError::at(&part_path))?;
        let mut download = Self {
            client,
            progress,
            file,
            remote,
            path,
            part_path,
            part,
            done: 0,
            hasher: Hasher::new(remote),
        };
        let hasher = &mut download.hasher;
        let before = read_into(|bytes| hasher.update(bytes), &mut download.part);
        download.done = before.map_err(HubError::at(&download.part_path))?;
        if download.done > remote.size {
            download.restart()?;
        }
        Ok(download)
    }

    /// Fetches the missing bytes and returns the sha256. `expected` is the
    /// preset's sha256, else the hub's; a file with another sha256 or git hash
    /// is not kept.
    pub(super) fn finish(mut self, expected: Option<&str>) -> Result<String, HubError> {
        let name = self.file.to_string();
        let (progress, file) = (self.progress, self.file);
        progress(PullEvent::Started {
            file: &name,
            done: self.done,
            size: self.remote.size,
        });
        persist(file, progress, || {
            let before = self.done;
            self.attempt().map_err(|error| (self.done > before, error))
        })?;
        let checked = self.hasher.check(&name, expected, self.remote);
        if checked.is_err() {
            fs::remove_file(&self.part_path).map_err(HubError::at(&self.part_path))?;
        }
        let found = checked?;
        let keep = || {
            self.part.sync_all()?;
            fs::rename(&self.part_path, self.path)
        };
        keep().map_err(HubError::at(self.path))?;
        progress(PullEvent::Finished { file: &name });
        Ok(found)
    }

    /// One request, to the end of the file or of the connection.
    fn attempt(&mut self) -> Result<(), HubError> {
        if self.done == self.remote.size {
            return Ok(());
        }
        let (client, commit) = (self.client, &self.remote.commit);
        let mut bytes = client.read_from(self.file, commit, self.done)?;
        if bytes.offset != self.done {
            self.restart()?;
        }
        let url = bytes.url;
        if bytes.offset != self.done {
            return Err(self.unusable(url, "it holds other bytes than were asked for"));
        }
        let mut buffer = vec![0; 1 << 17];
        while self.done < self.remote.size {
            match bytes.reader.read(&mut buffer) {
                Ok(0) => return Err(self.broken(url, "it ended early")),
                Ok(count) if self.done + count as u64 > self.remote.size => {
                    return Err(self.unusable(url, "it is longer than was announced"));
                }
                Ok(count) => self.take(&buffer[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(url, &error.to_string())),
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        let total = self.done + bytes.len() as u64;
        let path = &self.part_path;
        self.part.write_all(bytes).map_err(HubError::at(path))?;
        self.hasher.update(bytes);
        self.done = total;
        (self.progress)(PullEvent::Advanced { done: total });
        Ok(())
    }

    fn restart(&mut self) -> Result<(), HubError> {
        let path = &self.part_path;
        self.part.set_len(0).map_err(HubError::at(path))?;
        self.hasher = Hasher::new(self.remote);
        self.done = 0;
        Ok(())
    }

    fn broken(&self, url: String, reason: &str) -> HubError {
        HubError::Connection {
            file: self.file.to_string(),
            url,
            reason: reason.to_owned(),
            may_pass: true,
        }
    }

    fn unusable(&self, url: String, reason: &str) -> HubError {
        HubError::Answer {
            file: self.file.to_string(),
            url,
            reason: reason.to_owned(),
        }
    }
}

/// Returns how many bytes of a file are on disk: as a whole, or in its part
/// file.
pub(super) fn already_here(path: &Path) -> u64 {
    let whole = fs::metadata(path).or_else(|_| fs::metadata(part_path(path)));
    whole.map_or(0, |found| found.len())
}

fn part_path(path: &Path) -> PathBuf {
    path.with_extension("part")
}
