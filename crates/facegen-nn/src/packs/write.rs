//! Writing a pack while a model loads.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::Mmap;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::access::Temporary;
use super::header::{self, Header};
use super::mapped::{MappedSlab, bytes, map, release};
use super::table::{ALIGNMENT, Entry, Table, hexadecimal};
use super::{PackError, PackIdentity};
use crate::host::HostElement;

/// Bytes of a file system that packs leave to other files, such as the database next to them.
const SPARE: u64 = 512 << 20;
/// Bytes that one thread writes at once.
const PIECE: usize = 4 << 20;

/// Hears how many bytes are written, and about how many there will be.
type Listener = Box<dyn Fn(u64, u64) + Send + Sync>;

/// A pack that is being written.
pub struct PackWriter {
    path: PathBuf,
    identity: PackIdentity,
    /// About how many bytes there will be.
    expected: u64,
    listener: Listener,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    temporary: Temporary,
    weights: BTreeMap<String, Entry>,
    /// Bytes written so far.
    end: u64,
    /// What was mapped of them.
    maps: Vec<Arc<Mmap>>,
}

/// A pack that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenPack {
    /// Its path.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Its hash: the sha256 of its table, in hexadecimal digits.
    pub sha256: String,
}

impl PackWriter {
    /// Creates a temporary file next to `path`. `expected` is about how many bytes will be
    /// written.
    ///
    /// # Errors
    /// Fails when there is too little space or the file cannot be created.
    pub fn create(path: &Path, identity: PackIdentity, expected: u64) -> Result<Self, PackError> {
        let temporary = Temporary::next_to(path)?;
        check_space(temporary.path(), temporary.file(), expected)?;
        Ok(Self {
            path: path.to_owned(),
            identity,
            expected,
            listener: Box::new(|_, _| {}),
            state: Mutex::new(State {
                temporary,
                weights: BTreeMap::new(),
                end: header::LENGTH as u64,
                maps: Vec::new(),
            }),
        })
    }

    /// Calls `listener` after each weight, with the bytes that are written and about how many
    /// there will be.
    #[must_use]
    pub fn heard_by(self, listener: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        Self {
            listener: Box::new(listener),
            ..self
        }
    }

    /// Writes a weight and maps it. A weight that two models share is written once.
    ///
    /// # Errors
    /// Fails when the file system is full, or the name is that of another weight.
    pub(crate) fn store<E: HostElement>(
        &self,
        name: &str,
        axes: &[usize],
        elements: &[E],
    ) -> Result<MappedSlab<E>, PackError> {
        let mut state = self.state();
        let entry = match state.weights.get(name) {
            Some(entry) => entry.clone(),
            None => state.write::<E>(name, axes, bytes(elements))?,
        };
        let path = state.temporary.path();
        if !entry.is::<E>(axes, elements.len()) {
            return Err(PackError::unusable(path, format!("{name} is ambiguous")));
        }
        let length = size_of_val(elements);
        let map = map(state.temporary.file(), entry.offset, length).map_err(PackError::at(path))?;
        let slab = MappedSlab::new(&map, 0, elements.len())
            .ok_or_else(|| PackError::unusable(path, format!("{name} is not aligned")))?;
        state.maps.push(map);
        (self.listener)(state.end, self.expected);
        Ok(slab)
    }

    /// Gives the memory of the weights back to the system until they are used.
    pub(super) fn release(&self) {
        self.state().maps.iter().for_each(|map| release(map));
    }

    /// Completes the file and gives it its name, in place of another file. What is mapped stays
    /// so.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn finish(&self) -> Result<WrittenPack, PackError> {
        let mut state = self.state();
        let weights = std::mem::take(&mut state.weights);
        let table = serde_json::to_vec(&Table::new(self.identity.clone(), weights));
        let table = table.map_err(|error| PackError::unusable(&self.path, error.to_string()))?;
        let header = Header {
            offset: state.end,
            length: table.len() as u64,
            hash: Sha256::digest(&table).into(),
        };
        let mut complete = || -> io::Result<()> {
            let file = state.temporary.file();
            file.write_all_at(&table, header.offset)?;
            file.write_all_at(&header.encode(), 0)?;
            state.temporary.name(&self.path)
        };
        complete().map_err(PackError::at(&self.path))?;
        Ok(WrittenPack {
            path: self.path.clone(),
            size: header.offset + header.length,
            sha256: hexadecimal(&table),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PackWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PackWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Appends a weight, on all threads.
    fn write<E: HostElement>(
        &mut self,
        name: &str,
        axes: &[usize],
        bytes: &[u8],
    ) -> Result<Entry, PackError> {
        let (file, path) = (self.temporary.file(), self.temporary.path());
        let offset = self.end.next_multiple_of(ALIGNMENT);
        check_space(path, file, bytes.len() as u64)?;
        let write = || {
            let pieces = bytes.par_chunks(PIECE).enumerate();
            pieces.try_for_each(|(number, piece)| {
                file.write_all_at(piece, offset + (number * PIECE) as u64)
            })
        };
        let (written, sha256) = rayon::join(write, || hexadecimal(bytes));
        written.map_err(PackError::at(path))?;
        let entry = Entry::new::<E>(axes, offset, bytes, sha256);
        self.end = offset + entry.length;
        self.weights.insert(name.to_owned(), entry.clone());
        Ok(entry)
    }
}

/// Checks that enough of a file system stays free after `needed` bytes are written.
fn check_space(path: &Path, file: &File, needed: u64) -> Result<(), PackError> {
    let system = rustix::fs::fstatvfs(file).map_err(|error| PackError::at(path)(error.into()))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= needed.saturating_add(SPARE) {
        return Ok(());
    }
    Err(PackError::NoSpace {
        path: path.to_owned(),
        needed: needed >> 20,
        spare: SPARE >> 20,
        free: free >> 20,
    })
}
