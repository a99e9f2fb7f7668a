//! The scans of a file: which coefficients of which components, in what order.

use super::bits::{Bits, Table};
use super::image::{Block, Coefficients, ZIGZAG};

/// One scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The components, by their number.
    pub(crate) components: Vec<usize>,
    /// The first and the last coefficient.
    pub(crate) band: (usize, usize),
    /// The lowest bit of the earlier scans, or zero, and of this one.
    pub(crate) bits: (u32, u32),
}

impl Scan {
    pub(crate) fn whole(components: &[usize]) -> Self {
        Self {
            components: components.to_vec(),
            band: (0, 63),
            bits: (0, 0),
        }
    }

    /// Returns progressively finer scans of these components.
    pub(crate) fn progressive(groups: &[Vec<usize>], refines: bool) -> Vec<Self> {
        let low = u32::from(refines);
        let each = |band, bits| {
            move |component: &usize| Self {
                components: vec![*component],
                band,
                bits,
            }
        };
        let all = |bits| {
            move |group: &Vec<usize>| Self {
                components: group.clone(),
                band: (0, 0),
                bits,
            }
        };
        let singles: Vec<usize> = groups.concat();
        let mut scans: Vec<Self> = groups.iter().map(all((0, low))).collect();
        scans.extend(singles.iter().map(each((1, 5), (0, 2 * low))));
        scans.extend(singles.iter().rev().map(each((6, 63), (0, 2 * low))));
        if refines {
            scans.extend(singles.iter().map(each((1, 63), (2, 1))));
            scans.extend(groups.iter().map(all((1, 0))));
            scans.extend(singles.iter().rev().map(each((1, 63), (1, 0))));
        }
        scans
    }

    /// Returns whether it needs a DC and an AC table.
    pub(crate) fn needs(&self) -> (bool, bool) {
        (self.band.0 == 0 && self.bits.0 == 0, self.band.1 > 0)
    }
}

/// The entropy-coded data of a scan.
pub(crate) struct Coder<'a> {
    scan: &'a Scan,
    tables: &'a [Table; 2],
    bits: Bits,
    /// The previous DC coefficient of each component.
    last: [i32; 4],
    /// Blocks whose end is still to be written, and their correction bits.
    ended: u32,
    corrections: Vec<bool>,
}

impl<'a> Coder<'a> {
    /// Encodes the scan with a restart after this many groups, or none.
    pub(crate) fn code(
        image: &Coefficients,
        scan: &'a Scan,
        tables: &'a [Table; 2],
        restart: usize,
    ) -> Vec<u8> {
        let bits = Bits::default();
        let mut coder = Self {
            scan,
            tables,
            bits,
            last: [0; 4],
            ended: 0,
            corrections: Vec::new(),
        };
        for (number, group) in groups(image, &scan.components).iter().enumerate() {
            if restart > 0 && number > 0 && number % restart == 0 {
                coder.flush_ended();
                coder.last = [0; 4];
                coder.bits.restart((number / restart - 1) as u8);
            }
            for (component, place) in group {
                coder.block(*component, &image.components[*component].data[*place]);
            }
        }
        coder.flush_ended();
        coder.bits.finish()
    }

    fn block(&mut self, component: usize, block: &Block) {
        let (first, last) = self.scan.band;
        let (before, low) = self.scan.bits;
        if first == 0 && before == 0 {
            let level = block[0] >> low;
            let difference = level - self.last[component];
            self.last[component] = level;
            let size = size(difference);
            self.tables[0].push(&mut self.bits, size as u8);
            self.value(difference, size);
        } else if first == 0 {
            self.bits.push((block[0] >> low & 1) as u32, 1);
        }
        let band = first.max(1)..=last;
        if band.is_empty() {
            return;
        }
        let levels: Vec<i32> = band
            .map(|place| shifted(block[ZIGZAG[place]], low))
            .collect();
        if before == 0 {
            self.levels(&levels);
        } else {
            self.refinements(&levels);
        }
    }

    /// Encodes runs of zeros and the levels after them.
    fn levels(&mut self, levels: &[i32]) {
        let mut zeros = 0;
        for level in levels {
            if *level == 0 {
                zeros += 1;
                continue;
            }
            self.flush_ended();
            while zeros > 15 {
                self.tables[1].push(&mut self.bits, 0xF0);
                zeros -= 16;
            }
            let size = size(*level);
            self.tables[1].push(&mut self.bits, (zeros << 4) as u8 | size as u8);
            self.value(*level, size);
            zeros = 0;
        }
        if zeros > 0 {
            self.end_block();
        }
    }

    /// Encodes one more bit of known levels, and new nonzero ones.
    fn refinements(&mut self, levels: &[i32]) {
        let newest = levels.iter().rposition(|level| level.abs() == 1);
        let mut zeros = 0;
        let mut known = Vec::new();
        for (place, level) in levels.iter().enumerate() {
            if *level == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && newest.is_some_and(|newest| place <= newest) {
                self.flush_ended();
                self.tables[1].push(&mut self.bits, 0xF0);
                self.correct(&mut known);
                zeros -= 16;
            }
            if level.abs() > 1 {
                known.push(level.unsigned_abs() % 2 == 1);
                continue;
            }
            self.flush_ended();
            self.tables[1].push(&mut self.bits, (zeros << 4) as u8 | 1);
            self.bits.push(u32::from(*level > 0), 1);
            self.correct(&mut known);
            zeros = 0;
        }
        if zeros > 0 || !known.is_empty() {
            self.ended += 1;
            self.corrections.append(&mut known);
            if self.ended == 0x7FFF || !self.is_progressive() {
                self.flush_ended();
            }
        }
    }

    fn correct(&mut self, known: &mut Vec<bool>) {
        known
            .drain(..)
            .for_each(|bit| self.bits.push(u32::from(bit), 1));
    }

    fn end_block(&mut self) {
        self.ended += 1;
        if self.ended == 0x7FFF || !self.is_progressive() {
            self.flush_ended();
        }
    }

    /// Returns whether runs of ended blocks are allowed: only in bands of AC
    /// coefficients.
    fn is_progressive(&self) -> bool {
        self.scan.band.0 > 0
    }

    fn flush_ended(&mut self) {
        if self.ended > 0 {
            let size = self.ended.ilog2();
            self.tables[1].push(&mut self.bits, (size << 4) as u8);
            self.bits.push(self.ended - (1 << size), size);
            self.ended = 0;
        }
        let mut corrections = std::mem::take(&mut self.corrections);
        self.correct(&mut corrections);
    }

    fn value(&mut self, value: i32, size: u32) {
        let bits = if value < 0 { value - 1 } else { value };
        self.bits.push(bits as u32 & ((1 << size) - 1), size);
    }
}

/// Returns the blocks of each group of a scan. A single component has groups of
/// one block, without padding.
fn groups(image: &Coefficients, components: &[usize]) -> Vec<Vec<(usize, usize)>> {
    if let [single] = components {
        let component = &image.components[*single];
        let (across, down) = component.blocks;
        let places = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
        return places
            .map(|(x, y)| vec![(*single, y * component.stride + x)])
            .collect();
    }
    let (across, down) = image.groups();
    let places = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
    let blocks = |(x, y): (usize, usize)| {
        let blocks = components.iter().flat_map(|number| {
            let component = &image.components[*number];
            let (h, v) = component.factors;
            (0..h * v).map(move |place| {
                let row = y * v + place / h;
                (*number, row * component.stride + x * h + place % h)
            })
        });
        blocks.collect()
    };
    places.map(blocks).collect()
}

/// Returns how many bits the value takes.
fn size(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// Removes the lowest bits of a level, rounding towards zero.
fn shifted(level: i32, low: u32) -> i32 {
    level.signum() * (level.abs() >> low)
}
