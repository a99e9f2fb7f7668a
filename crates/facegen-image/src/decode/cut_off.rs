//! Reads the rows that are present in a truncated WebP file.
//!
//! The decoder returns all pixels or none. So the missing bytes are filled in,
//! once with zero bits and again with some bits set: rows that are equal in
//! both results were decoded from the bytes of the file. A symbol of a prefix
//! code or an arithmetic code that is equal in both cases is equal for any
//! filling. Each pixel depends only on those above it, so all valid rows
//! precede the first row that differs. Only lossy blocks change rows above
//! them, by smoothing their edges.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::{Decoded, InputImageError, Warning, Warnings, rgb};

/// The period of the filling, in bytes.
const BLOCK: usize = 4096;

/// The rows of a lossy block, and how many rows above it the smoothing changes,
/// including that of the subsampled chroma planes.
const BLOCK_ROWS: usize = 16;
const SMOOTHED: usize = 9;

/// How many bytes of one bits come first, except in the first filling.
const ONES: usize = 8;

/// How many fillings are tried until two of them can be decoded. All have few
/// bits set, which decode to short symbols: they must suffice for the whole
/// image.
const WAYS: u32 = 5;

/// Returns the length in the file's header, if the file is shorter.
pub(super) fn announced_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let length = usize::try_from(length).ok()?.checked_add(8)?;
    (length > bytes.len()).then_some(length)
}

/// Reads the rows that are present in a file whose header announces `length`;
/// `read` decodes a complete file.
///
/// # Errors
/// Fails when there is no row, or the decoder refuses every filling.
pub(super) fn read_rows(
    bytes: &[u8],
    length: usize,
    is_lossy: bool,
    warnings: &mut Warnings,
    read: impl Fn(Padded<'_>) -> Result<Decoded, InputImageError>,
) -> Result<Decoded, InputImageError> {
    let mut before: Option<Vec<u64>> = None;
    for way in 0..WAYS {
        let block = made_up(way);
        let ones = if way == 0 { 0 } else { ONES };
        let mut decoded = match read(Padded::new(bytes, ones, &block, length)) {
            Ok(decoded) => decoded,
            Err(InputImageError::Damaged(_)) => continue,
            Err(error) => return Err(error),
        };
        let rows: Vec<u64> = rows(&mut decoded).map(|row| hash(row)).collect();
        let Some(before) = &before else {
            before = Some(rows);
            continue;
        };
        let is_same = |(row, before): &(&u64, &u64)| row == before;
        let mut same = rows.iter().zip(before).take_while(is_same).count();
        if is_lossy && same < rows.len() {
            same = (same - same % BLOCK_ROWS).saturating_sub(SMOOTHED);
        }
        if same == 0 {
            break;
        }
        warnings.add(Warning::Incomplete);
        rows_from(&mut decoded, same).for_each(|row| row.fill(rgb::MISSING));
        return Ok(decoded);
    }
    Err(InputImageError::Damaged(None))
}

fn rows(decoded: &mut Decoded) -> impl Iterator<Item = &mut [u8]> {
    let stride = decoded.size.0 as usize * rgb::RGB;
    decoded.rgb.chunks_exact_mut(stride.max(1))
}

fn rows_from(decoded: &mut Decoded, first: usize) -> impl Iterator<Item = &mut [u8]> {
    rows(decoded).skip(first)
}

fn hash(row: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

/// Returns a filling: bytes with no bit set, or with one bit each.
fn made_up(way: u32) -> [u8; BLOCK] {
    let mut state = way;
    let mut next = || {
        state = state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223 + way);
        1 << (state >> 29)
    };
    std::array::from_fn(|_| if way == 0 { 0 } else { next() })
}

/// A file with filling appended.
#[derive(Debug)]
pub(super) struct Padded<'b> {
    bytes: &'b [u8],
    ones: usize,
    block: &'b [u8; BLOCK],
    length: usize,
    place: usize,
}

impl<'b> Padded<'b> {
    fn new(bytes: &'b [u8], ones: usize, block: &'b [u8; BLOCK], length: usize) -> Self {
        Self {
            bytes,
            ones,
            block,
            length,
            place: 0,
        }
    }

    /// Returns the next bytes, at least one except at the end.
    fn rest(&self) -> &'b [u8] {
        let left = self.length.saturating_sub(self.place);
        let behind = self.place.saturating_sub(self.bytes.len());
        let rest = match self.bytes.get(self.place..) {
            Some(rest) if !rest.is_empty() => rest,
            _ if behind < self.ones => &[u8::MAX; ONES][..self.ones - behind],
            _ => &self.block[self.place % BLOCK..],
        };
        &rest[..rest.len().min(left)]
    }
}

impl Read for Padded<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.rest().read(target)?;
        self.place += read;
        Ok(read)
    }
}

impl BufRead for Padded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.place = self.place.saturating_add(amount);
    }
}

impl Seek for Padded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => (self.length as u64).checked_add_signed(by),
            SeekFrom::Current(by) => (self.place as u64).checked_add_signed(by),
        };
        let out_of_range = || io::Error::from(io::ErrorKind::InvalidInput);
        let place = place.ok_or_else(out_of_range)?;
        self.place = usize::try_from(place).map_err(|_| out_of_range())?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_padded_file_has_its_length_and_no_filling_shares_a_byte_with_the_first() {
        let blocks = [made_up(0), made_up(1), made_up(2)];
        let mut read = blocks.iter().zip([0, 8, 8]).map(|(block, ones)| {
            let mut file = Padded::new(b"RIFF", ones, block, 10_000);
            let mut all = Vec::new();
            file.read_to_end(&mut all).unwrap();
            file.seek(SeekFrom::Start(9_998)).unwrap();
            assert_eq!(file.fill_buf().unwrap(), &all[9_998..]);
            file.seek(SeekFrom::Start(20_000)).unwrap();
            assert!(file.fill_buf().unwrap().is_empty());
            assert!(file.seek(SeekFrom::Current(-20_001)).is_err());
            all
        });
        let [first, second, third] = std::array::from_fn(|_| read.next().unwrap());
        for file in [&first, &second, &third] {
            assert_eq!((file.len(), &file[..4]), (10_000, b"RIFF".as_slice()));
        }
        assert!(first[4..].iter().all(|byte| *byte == 0));
        assert_eq!(&second[4..12], &[u8::MAX; 8]);
        assert!(second[4..].iter().all(|byte| *byte != 0));
        assert_ne!(second, third);
    }

    #[test]
    fn a_length_counts_only_if_it_is_longer_than_the_file() {
        assert_eq!(announced_length(b"RIFF\x04\0\0\0WEBP"), None);
        assert_eq!(announced_length(b"RIFF\x05\0\0\0WEBP"), Some(13));
        assert_eq!(announced_length(b"RIFF\x05\0\0"), None);
    }
}
