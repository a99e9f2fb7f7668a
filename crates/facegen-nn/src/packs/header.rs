//! The beginning of a pack.

/// Bytes of a header.
pub(super) const LENGTH: usize = 64;
/// What a pack begins with.
const MAGIC: [u8; 16] = *b"facegen weights\n";

/// Where the table of a pack is: after all weights, at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes before the table.
    pub(super) offset: u64,
    /// Bytes of the table.
    pub(super) length: u64,
    /// The table's sha256, which is the hash of the pack.
    pub(super) hash: [u8; 32],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(&MAGIC);
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..].copy_from_slice(&self.hash);
        bytes
    }

    /// Reads the header of a file of `size` bytes, unless it is none of a whole pack.
    pub(super) fn decode(bytes: &[u8; LENGTH], size: u64) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let header = Self {
            offset: u64::from_le_bytes(*offset),
            length: u64::from_le_bytes(*length),
            hash: rest.try_into().ok()?,
        };
        let end = header.offset.checked_add(header.length)?;
        (*magic == MAGIC && end == size && header.offset >= LENGTH as u64).then_some(header)
    }
}
