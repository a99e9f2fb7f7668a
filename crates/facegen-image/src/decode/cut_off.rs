//! Reads what there is of a WebP file that ends early.
//!
//! Its decoder gives all pixels or none. So what is missing is made up, once with
//! bits that are not set, and again with some that are: rows that come out the
//! same were read from what is there. A symbol that is the same in both cases,
//! of a prefix code or of an arithmetic one, is the same in all. Each pixel
//! depends on those above it only, so that all of them precede the first row that
//! differs. Only lossy blocks change rows above them, by smoothing their edges.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::{Decoded, InputImageError, Warning, Warnings, rgb};

/// How many bytes are made up before they repeat.
const BLOCK: usize = 4096;

/// The rows of a lossy block, and how many above it its smoothing reaches, that of
/// the smaller planes of colour included.
const BLOCK_ROWS: usize = 16;
const SMOOTHED: usize = 9;

/// How many bytes of bits that are set come first, except in the first way.
const ONES: usize = 8;

/// How many ways of making up are tried until two of them can be decoded. All
/// keep to few bits that are set, which stand for short symbols: there must be
/// enough of them for the whole image.
const WAYS: u32 = 5;

/// How long the file says it is, if that is longer than it is.
pub(super) fn announced_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let length = usize::try_from(length).ok()?.checked_add(8)?;
    (length > bytes.len()).then_some(length)
}

/// Reads the rows that are there of a file that should be so long, lossy or not;
/// `read` decodes a whole one.
///
/// # Errors
/// There is no row, or the decoder refuses whatever is made up.
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

/// Bytes of no bit that is set, or of one each.
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

/// A file with made-up bytes behind it.
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

    /// What comes next, at least one byte unless it is the end.
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
    fn a_file_is_as_long_as_it_says_and_no_two_ways_share_a_byte_with_the_first() {
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
