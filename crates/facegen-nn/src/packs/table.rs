//! The table of a pack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::host::HostElement;

/// Incremented whenever weights are packed otherwise or other bytes are computed from them, so that
/// old packs are not used.
const VERSION: u32 = 3;
/// Weights begin on a cache line.
pub(super) const ALIGNMENT: u64 = 64;

/// What the weights of a pack follow from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackIdentity {
    /// A hash of everything that was read.
    pub source: String,
    /// The dtype and the code that the weights are packed for.
    pub kernel: String,
}

/// The description of a pack.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    version: u32,
    pub(super) identity: PackIdentity,
    /// Each weight, and what was computed from them, by its full name.
    pub(super) weights: BTreeMap<String, Entry>,
}

/// One packed weight or computed tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The dtype of its elements.
    dtype: String,
    /// Its axes, which determine the order of the elements.
    axes: Vec<usize>,
    /// Bytes before it.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
    /// The sha256 of its bytes.
    pub(super) sha256: String,
}

impl Table {
    pub(super) fn new(identity: PackIdentity, weights: BTreeMap<String, Entry>) -> Self {
        Self {
            version: VERSION,
            identity,
            weights,
        }
    }

    /// Returns why this table, which ends at `end`, is no table of this version.
    pub(super) fn fault(&self, end: u64) -> Option<&'static str> {
        let fits = |entry: &Entry| {
            let past = entry.offset.checked_add(entry.length);
            entry.offset.is_multiple_of(ALIGNMENT) && past.is_some_and(|past| past <= end)
        };
        if self.version != VERSION {
            return Some("it is of another version");
        }
        (!self.weights.values().all(fits)).then_some("a weight is outside of it")
    }
}

impl Entry {
    /// Describes a weight of `bytes` that was written at `offset`.
    pub(super) fn new<E: HostElement>(
        axes: &[usize],
        offset: u64,
        bytes: &[u8],
        sha256: String,
    ) -> Self {
        Self {
            dtype: E::DTYPE.as_str().to_owned(),
            axes: axes.to_vec(),
            offset,
            length: bytes.len() as u64,
            sha256,
        }
    }

    /// Returns whether this has that dtype, those axes and that many elements.
    pub(super) fn is<E: HostElement>(&self, axes: &[usize], elements: usize) -> bool {
        self.dtype == E::DTYPE.as_str()
            && self.axes == axes
            && self.length == (elements * size_of::<E>()) as u64
    }
}

/// Returns the sha256 of some bytes in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
