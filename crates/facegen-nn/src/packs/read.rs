//! Reading a pack.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use rayon::prelude::*;

use super::header::{self, Header};
use super::mapped::{MappedSlab, map, release};
use super::table::{Table, hexadecimal};
use super::{PackError, PackIdentity, access};
use crate::host::HostElement;

/// The longest table that is read, in bytes.
const LONGEST_TABLE: u64 = 64 << 20;

/// A mapped pack.
pub struct PackFile {
    path: PathBuf,
    table: Table,
    hash: String,
    map: Arc<Mmap>,
}

impl PackFile {
    /// Maps the pack with that name, if there is one. Its table is read and checked, its weights
    /// are not.
    ///
    /// # Errors
    /// Fails when it is damaged, cut, a link, another user's, or not packed from and for
    /// `identity`.
    pub fn open(path: &Path, identity: &PackIdentity) -> Result<Option<Self>, PackError> {
        let Some(pack) = Self::open_any(path)? else {
            return Ok(None);
        };
        if pack.table.identity.source != identity.source {
            return Err(PackError::unusable(path, "its models have changed"));
        }
        if pack.table.identity != *identity {
            let kernel = &pack.table.identity.kernel;
            let reason = format!("it was packed for {kernel}");
            return Err(PackError::unusable(path, reason));
        }
        Ok(Some(pack))
    }

    fn open_any(path: &Path) -> Result<Option<Self>, PackError> {
        let Some(file) = access::open(path)? else {
            return Ok(None);
        };
        let (header, table) = table(path, &file)?;
        let length = usize::try_from(header.offset)
            .map_err(|_| PackError::unusable(path, "it is too large"))?;
        let map = map(&file, 0, length).map_err(PackError::at(path))?;
        Ok(Some(Self {
            path: path.to_owned(),
            table,
            hash: header
                .hash
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            map,
        }))
    }

    /// Reads the whole pack and returns its hash; `None` if it is gone.
    ///
    /// # Errors
    /// Fails when [`open`](Self::open) would, or a weight is damaged.
    pub fn verify(path: &Path) -> Result<Option<String>, PackError> {
        let Some(pack) = Self::open_any(path)? else {
            return Ok(None);
        };
        let is_damaged = |(name, entry): (&String, &super::table::Entry)| {
            // The table was checked against the length of the map.
            let bytes = &pack.map[entry.offset as usize..][..entry.length as usize];
            (hexadecimal(bytes) != entry.sha256).then(|| name.clone())
        };
        let damaged = pack.table.weights.par_iter().find_map_any(is_damaged);
        match damaged {
            Some(name) => Err(PackError::unusable(path, format!("{name} is damaged"))),
            None => Ok(Some(pack.hash)),
        }
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the memory of the weights back to the system until they are used.
    pub(super) fn release(&self) {
        release(&self.map);
    }

    /// Returns a weight, if the pack has one of that name, dtype, axes and number of elements.
    pub(crate) fn find<E: HostElement>(
        &self,
        name: &str,
        axes: &[usize],
        elements: usize,
    ) -> Option<MappedSlab<E>> {
        let entry = self
            .table
            .weights
            .get(name)
            .filter(|entry| entry.is::<E>(axes, elements))?;
        let start = usize::try_from(entry.offset).ok()?;
        MappedSlab::new(&self.map, start, elements)
    }
}

/// Reads and checks the table of a file.
fn table(path: &Path, file: &File) -> Result<(Header, Table), PackError> {
    let size = file.metadata().map_err(PackError::at(path))?.len();
    let mut bytes = [0; header::LENGTH];
    let damaged = |reason: &str| PackError::unusable(path, reason);
    let cut = |_| damaged("it is cut");
    file.read_exact_at(&mut bytes, 0).map_err(cut)?;
    let header = Header::decode(&bytes, size).filter(|header| header.length <= LONGEST_TABLE);
    let header = header.ok_or_else(|| damaged("it is damaged or cut"))?;
    let mut text = vec![0; header.length as usize];
    file.read_exact_at(&mut text, header.offset).map_err(cut)?;
    if hexadecimal(&text) != header.hash.map(|byte| format!("{byte:02x}")).concat() {
        return Err(damaged("its table is damaged"));
    }
    let table: Table = serde_json::from_slice(&text)
        .map_err(|error| PackError::unusable(path, format!("its table cannot be read: {error}")))?;
    match table.fault(header.offset) {
        Some(reason) => Err(damaged(reason)),
        None => Ok((header, table)),
    }
}

impl fmt::Debug for PackFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PackFile").field(&self.path).finish()
    }
}
