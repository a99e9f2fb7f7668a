//! The entropy coder: bits, and Huffman tables of several shapes.

/// Writes bits, the highest of each byte first, with a zero after every `FF`.
#[derive(Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    pub(crate) fn push(&mut self, bits: u32, count: u32) {
        for place in (0..count).rev() {
            self.held = self.held << 1 | (bits >> place & 1);
            self.count += 1;
            if self.count == 8 {
                self.write_byte();
            }
        }
    }

    fn write_byte(&mut self) {
        let byte = self.held as u8;
        self.bytes.push(byte);
        if byte == 0xFF {
            self.bytes.push(0);
        }
        (self.held, self.count) = (0, 0);
    }

    /// Fills the last byte with ones and appends a restart marker.
    pub(crate) fn restart(&mut self, number: u8) {
        self.pad();
        self.bytes.extend([0xFF, 0xD0 + number % 8]);
    }

    fn pad(&mut self) {
        while self.count > 0 {
            self.push(1, 1);
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.pad();
        self.bytes
    }
}

/// The code lengths of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Equal for all symbols: four bits for DC, eight for AC.
    Flat,
    /// A few short codes, all others of sixteen bits.
    Steep,
}

/// A Huffman table as a file holds it, with the code of each symbol.
pub(crate) struct Table {
    counts: [u8; 16],
    symbols: Vec<u8>,
    codes: [Option<(u32, u32)>; 256],
}

impl Table {
    pub(crate) fn new(symbols: Vec<u8>, shape: Shape) -> Self {
        let mut counts = [0; 16];
        match shape {
            Shape::Flat if symbols.len() < 16 => counts[3] = symbols.len() as u8,
            Shape::Flat => counts[7] = symbols.len() as u8,
            Shape::Steep => {
                // One code of each length from two on leaves at least a quarter
                // of all codes of sixteen bits.
                let short = symbols.len().min(7);
                counts[1..=short].fill(1);
                counts[15] += (symbols.len() - short) as u8;
            }
        }
        Self::from_counts(counts, symbols)
    }

    pub(crate) fn from_counts(counts: [u8; 16], symbols: Vec<u8>) -> Self {
        let mut codes = [None; 256];
        let (mut code, mut place) = (0, 0);
        for (length, count) in (1..).zip(counts) {
            for _ in 0..count {
                codes[usize::from(symbols[place])] = Some((code, length));
                code += 1;
                place += 1;
            }
            code <<= 1;
        }
        assert_eq!(place, symbols.len());
        Self {
            counts,
            symbols,
            codes,
        }
    }

    pub(crate) fn push(&self, bits: &mut Bits, symbol: u8) {
        let (code, length) = self.codes[usize::from(symbol)].unwrap();
        bits.push(code, length);
    }

    /// Returns the content of a segment that defines tables, after its class
    /// and number.
    pub(crate) fn definition(&self) -> Vec<u8> {
        [self.counts.as_slice(), &self.symbols].concat()
    }
}
