//! The memory for the prefix codes of a lossless WebP stream.
//!
//! The decoder builds tables for as many groups of codes as the stream's
//! entropy image names, used or not: a file of 7 MB can name 65,536 groups,
//! which would take gigabytes. So the stream (RFC 9649, section 3) is parsed
//! here up to that image, whose largest number is the number of groups. Copies
//! only repeat earlier numbers, so only literal pixels are read.

use std::mem;

/// Symbols for lengths of copies.
const LENGTHS: usize = 24;
/// The order of the lengths of the code for code lengths.
const ORDER: [usize; 19] = [
    17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
];
const LONGEST_CODE: usize = 15;
/// The most bytes of a table for the first bits of a code, of which a group has
/// five, and of a symbol with a longer code.
const TABLES: u64 = 5 * 4096;
const SYMBOL: u64 = 32;

/// The longest side of an image.
const LONGEST_SIDE: u32 = 1 << 14;

/// Returns the most bytes that the decoder takes for the codes of an image of
/// `size`, except for the one group that every image has; `stream` begins after
/// its header.
///
/// `None` when the stream ends early or is inconsistent.
pub(super) fn bytes_for_codes(stream: &[u8], size: (u32, u32)) -> Option<u64> {
    let mut reader = Reader::new(stream);
    let (mut width, height) = size;
    if width.max(height) > LONGEST_SIDE {
        return None;
    }
    let mut transforms = [false; 4];
    while reader.bit()? {
        let kind = reader.bits(2)?;
        // Each occurs at most once, so the loop ends.
        if mem::replace(transforms.get_mut(kind as usize)?, true) {
            return None;
        }
        width = reader.skip_transform(kind, width, height)?;
    }
    let cached = reader.cache_size()?;
    let groups = if reader.bit()? {
        reader.largest_of_subsampled(width, height)? + 1
    } else {
        1
    };
    let symbols = 256 * 4 + LENGTHS + cached + 40;
    Some((groups - 1) * (TABLES + SYMBOL * symbols as u64))
}

/// Reads bits, the lowest of each byte first.
struct Reader<'b> {
    bytes: &'b [u8],
    place: usize,
}

impl<'b> Reader<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.place / 8)?;
        let bit = byte >> (self.place % 8) & 1;
        self.place += 1;
        Some(bit == 1)
    }

    fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |bits, place| {
            Some(bits | u32::from(self.bit()?) << place)
        })
    }

    /// Returns the width that is left after the transform.
    fn skip_transform(&mut self, kind: u32, width: u32, height: u32) -> Option<u32> {
        match kind {
            // Predictor and colour transforms have an image of parameters.
            0 | 1 => {
                self.largest_of_subsampled(width, height)?;
                Some(width)
            }
            2 => Some(width),
            _ => {
                let colours = self.bits(8)? + 1;
                self.largest_of_image(u64::from(colours))?;
                let packed = match colours {
                    0..=2 => 3,
                    3..=4 => 2,
                    5..=16 => 1,
                    _ => 0,
                };
                Some(width.div_ceil(1 << packed))
            }
        }
    }

    fn largest_of_subsampled(&mut self, width: u32, height: u32) -> Option<u64> {
        let side = 1 << (self.bits(3)? + 2);
        let pixels = u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side));
        self.largest_of_image(pixels)
    }

    /// Reads the number of colours in the cache.
    fn cache_size(&mut self) -> Option<usize> {
        Some(if self.bit()? { 1 << self.bits(4)? } else { 0 })
    }

    /// Skips an image and returns the largest number in the red and green of
    /// its literal pixels.
    fn largest_of_image(&mut self, pixels: u64) -> Option<u64> {
        let cached = self.cache_size()?;
        let [green, red, blue, alpha, distance] =
            [256 + LENGTHS + cached, 256, 256, 256, 40].map(|symbols| self.code(symbols));
        let (green, red, blue, alpha, distance) = (green?, red?, blue?, alpha?, distance?);
        let only = [&green, &red, &blue, &alpha].map(|code| code.only());
        if let [Some(green @ ..256), Some(red), Some(_), Some(_)] = only {
            // All pixels are the same and take no bits.
            return Some((red << 8 | green) as u64);
        }
        let (mut done, mut largest) = (0, 0);
        while done < pixels {
            let symbol = green.read(self)?;
            if symbol < 256 {
                largest = largest.max(red.read(self)? << 8 | symbol);
                blue.read(self)?;
                alpha.read(self)?;
                done += 1;
            } else if symbol < 256 + LENGTHS {
                done += u64::from(self.value(symbol - 256)?);
                let prefix = distance.read(self)?;
                self.value(prefix)?;
            } else {
                done += 1;
            }
        }
        Some(largest as u64)
    }

    /// Reads the number that a prefix and its extra bits encode.
    fn value(&mut self, prefix: usize) -> Option<u32> {
        let prefix = u32::try_from(prefix).ok()?;
        if prefix < 4 {
            return Some(prefix + 1);
        }
        let extra = (prefix - 2) / 2;
        Some(((2 + prefix % 2) << extra) + self.bits(extra)? + 1)
    }

    fn code(&mut self, symbols: usize) -> Option<Code> {
        let mut lengths = vec![0; symbols];
        if self.bit()? {
            return self.simple_code(symbols);
        }
        self.read_lengths(&mut lengths)?;
        Code::new(&lengths)
    }

    /// Reads a code of one symbol, or of two in their order in the stream.
    fn simple_code(&mut self, alphabet: usize) -> Option<Code> {
        let is_pair = self.bit()?;
        let first = if self.bit()? { 8 } else { 1 };
        let mut symbols = vec![self.bits(first)? as usize];
        if is_pair {
            symbols.push(self.bits(8)? as usize);
        }
        let mut counts = [0; LONGEST_CODE + 1];
        counts[1] = symbols.len();
        let are_symbols = symbols.iter().all(|symbol| *symbol < alphabet);
        are_symbols.then_some(Code { counts, symbols })
    }

    fn read_lengths(&mut self, lengths: &mut [usize]) -> Option<()> {
        let mut of_lengths = [0; ORDER.len()];
        let count = 4 + self.bits(4)? as usize;
        for symbol in ORDER.get(..count)? {
            of_lengths[*symbol] = self.bits(3)? as usize;
        }
        let code = Code::new(&of_lengths)?;
        let mut left = lengths.len();
        if self.bit()? {
            let bits = 2 + 2 * self.bits(3)?;
            left = 2 + self.bits(bits)? as usize;
        }
        let (mut place, mut last) = (0, 8);
        while place < lengths.len() && left > 0 {
            left -= 1;
            let (length, times) = match code.read(self)? {
                16 => (last, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length, 1),
            };
            if length != 0 {
                last = length;
            }
            let end = place + times as usize;
            lengths.get_mut(place..end)?.fill(length);
            place = end;
        }
        Some(())
    }
}

/// A canonical prefix code.
struct Code {
    /// The number of symbols of each length.
    counts: [usize; LONGEST_CODE + 1],
    /// The symbols, ordered by length and then by number.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Option<Self> {
        let mut counts = [0; LONGEST_CODE + 1];
        let used = || (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0);
        used().for_each(|symbol| counts[lengths[symbol]] += 1);
        let mut symbols: Vec<usize> = used().collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        (!symbols.is_empty()).then_some(Self { counts, symbols })
    }

    /// Returns the symbol of a code with only one, which takes no bits.
    fn only(&self) -> Option<usize> {
        match self.symbols[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Reads the next symbol.
    fn read(&self, reader: &mut Reader<'_>) -> Option<usize> {
        if let Some(only) = self.only() {
            return Some(only);
        }
        let (mut code, mut first, mut place) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | usize::from(reader.bit()?);
            first <<= 1;
            if code < first + count {
                return self.symbols.get(place + code.checked_sub(first)?).copied();
            }
            first += count;
            place += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_stream_breaks_the_reader(
            stream in prop::collection::vec(any::<u8>(), 0..300),
            width in 1_u32..=20_000,
            height in 1_u32..=100,
        ) {
            let most = 65_535 * (TABLES + SYMBOL * (1 << 16));
            let bytes = bytes_for_codes(&stream, (width, height));
            prop_assert!(bytes.is_none_or(|bytes| bytes <= most));
        }
    }
}
