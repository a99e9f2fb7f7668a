//! The entropy-coded data of one scan: MCUs, and restart markers between them.

use super::bits::Bits;
use super::frame::Frame;
use super::huffman::Huffman;
use super::idct::{Block, ZIGZAG};
use super::smoothing::Accuracy;
use super::tables::Tables;
use crate::decode::error::InputImageError;

/// The highest bit at which successive approximation may start.
const LOWEST: u8 = 13;

/// The header of a scan.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// The spectral selection: the first and the last coefficient.
    first: usize,
    last: usize,
    /// Whether it refines coefficients by one bit.
    refines: bool,
    /// The lowest bit of successive approximation.
    low: u8,
}

#[derive(Debug)]
pub(super) struct ScanComponent {
    /// The index of the component in the frame.
    pub(super) index: usize,
    /// The numbers of its Huffman tables, DC and AC.
    pub(super) tables: (usize, usize),
}

impl Scan {
    /// Parses a header.
    ///
    /// # Errors
    /// Fails when it is inconsistent or does not match the frame.
    pub(super) fn read(content: &[u8], frame: &Frame) -> Result<Self, InputImageError> {
        Self::parse(content, frame)
            .filter(|scan| scan.is_possible(frame))
            .ok_or(InputImageError::Damaged(None))
    }

    fn parse(content: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = content.split_first()?;
        let (named, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let [first, last, bits] = *rest.first_chunk()?;
        let mut components: Vec<ScanComponent> = Vec::new();
        for pair in named.as_chunks::<2>().0 {
            let is_new = |index: &usize| components.iter().all(|other| other.index != *index);
            let mut known = 0..frame.components.len();
            let index =
                known.find(|index| frame.components[*index].name == pair[0] && is_new(index))?;
            let tables = (usize::from(pair[1] >> 4), usize::from(pair[1] & 0xF));
            components.push(ScanComponent { index, tables });
        }
        let is_progressive = frame.is_progressive;
        Some(Self {
            components,
            // Frames that are not progressive hold whole blocks only.
            first: if is_progressive {
                usize::from(first)
            } else {
                0
            },
            last: if is_progressive {
                usize::from(last)
            } else {
                63
            },
            refines: is_progressive && bits >> 4 != 0,
            low: if is_progressive { bits & 0xF } else { 0 },
        })
        .filter(|scan| !scan.refines || bits >> 4 == scan.low + 1)
    }

    fn is_possible(&self, frame: &Frame) -> bool {
        let blocks = self.components.iter().map(|component| {
            let (x, y) = frame.components[component.index].sampling;
            x * y
        });
        let is_single = self.components.len() == 1;
        let is_mcu = is_single || blocks.sum::<usize>() <= 10;
        let is_band = if !frame.is_progressive {
            true
        } else if self.first == 0 {
            self.last == 0
        } else {
            self.first <= self.last && self.last < 64 && is_single
        };
        !self.components.is_empty() && is_mcu && is_band && self.low <= LOWEST
    }

    /// Records which bits of which coefficients this scan holds.
    pub(super) fn note_accuracy(&self, accuracy: &mut Accuracy) {
        accuracy.note(self.first, self.last, self.low);
    }

    /// Returns whether this scan holds all components of the frame completely.
    pub(super) fn is_only(&self, frame: &Frame) -> bool {
        !frame.is_progressive && self.components.len() == frame.components.len()
    }
}

/// Defects of the data of a scan.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    /// Whether a complete MCU was present.
    pub(super) has_some: bool,
    /// Whether data were missing.
    pub(super) is_incomplete: bool,
    /// Whether bits were not a Huffman code.
    pub(super) is_damaged: bool,
}

impl Diagnostics {
    pub(super) fn add(&mut self, other: &Self) {
        self.has_some |= other.has_some;
        self.is_incomplete |= other.is_incomplete;
        self.is_damaged |= other.is_damaged;
    }
}

/// Reads the blocks of a scan, one after the other.
#[derive(Debug)]
pub(super) struct Decoder<'b, 't> {
    bits: Bits<'b>,
    scan: &'t Scan,
    /// The Huffman tables of each component, DC and AC.
    tables: Vec<(Option<&'t Huffman>, Option<&'t Huffman>)>,
    dc_predictors: [i32; 4],
    /// How many more blocks end without coefficients in this band.
    eob_run: u32,
    restart_interval: u32,
    mcus_until_restart: u32,
    next_restart: u8,
    pub(super) findings: Diagnostics,
}

impl<'b, 't> Decoder<'b, 't> {
    /// # Errors
    /// Fails when a table is missing that has no standard form.
    pub(super) fn new(
        bytes: &'b [u8],
        scan: &'t Scan,
        tables: &'t Tables,
    ) -> Result<Self, InputImageError> {
        let found = scan.components.iter().map(|component| {
            let (dc, ac) = component.tables;
            let dc = tables.dc(dc);
            let ac = tables.ac(ac);
            let needs = (scan.first == 0 && !scan.refines, scan.last > 0);
            let is_missing = needs.0 && dc.is_none() || needs.1 && ac.is_none();
            (!is_missing).then_some((dc, ac))
        });
        let tables_of_scan: Option<Vec<_>> = found.collect();
        Ok(Self {
            bits: Bits::new(bytes),
            scan,
            tables: tables_of_scan.ok_or(InputImageError::Damaged(None))?,
            dc_predictors: [0; 4],
            eob_run: 0,
            restart_interval: tables.restart,
            mcus_until_restart: tables.restart,
            next_restart: 0,
            findings: Diagnostics::default(),
        })
    }

    /// Begins an MCU. Returns `false` when there are no data for it.
    pub(super) fn begin_mcu(&mut self) -> bool {
        if self.restart_interval > 0 {
            if self.mcus_until_restart == 0 {
                self.bits.restart(self.next_restart);
                self.next_restart = (self.next_restart + 1) % 8;
                self.mcus_until_restart = self.restart_interval;
                self.dc_predictors = [0; 4];
                self.eob_run = 0;
            }
            self.mcus_until_restart -= 1;
        }
        self.findings.is_incomplete |= self.bits.is_exhausted;
        !self.bits.is_exhausted
    }

    /// Ends an MCU.
    pub(super) fn end_mcu(&mut self) {
        self.findings.is_incomplete |= self.bits.is_exhausted;
        self.findings.has_some |= !self.bits.is_exhausted;
    }

    /// Returns whether no later MCU has data either.
    pub(super) fn is_over(&self) -> bool {
        self.bits.is_exhausted && (self.restart_interval == 0 || self.bits.is_over())
    }

    /// Adds this scan's data of a component's next block to `block`.
    pub(super) fn read_block(&mut self, component: usize, block: &mut Block) {
        let (dc, ac) = self.tables[component];
        if self.scan.first == 0 {
            if self.scan.refines {
                let bit = self.bits.take(1) as i16;
                block[0] |= bit << self.scan.low;
            } else if let Some(table) = dc {
                self.read_dc(component, table, block);
            }
        }
        match ac {
            Some(table) if self.scan.last > 0 && self.scan.refines => self.refine_ac(table, block),
            Some(table) if self.scan.last > 0 => self.read_ac(table, block),
            _ => {}
        }
    }

    fn read_dc(&mut self, component: usize, table: &Huffman, block: &mut Block) {
        let size = self.symbol(table);
        let difference = self.signed(size);
        let value = self.dc_predictors[component].wrapping_add(difference);
        self.dc_predictors[component] = value;
        block[0] = (value << self.scan.low) as i16;
    }

    fn symbol(&mut self, table: &Huffman) -> u32 {
        let symbol = table.read(&mut self.bits);
        self.findings.is_damaged |= symbol.is_none();
        symbol.map_or(0, u32::from)
    }

    /// Reads a number of this many bits, the first of which is its sign.
    fn signed(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let bits = self.bits.take(size) as i32;
        if bits >> (size - 1) == 0 {
            bits - (1 << size) + 1
        } else {
            bits
        }
    }

    fn read_ac(&mut self, table: &Huffman, block: &mut Block) {
        if self.eob_run > 0 {
            self.eob_run -= 1;
            return;
        }
        let mut place = self.scan.first.max(1);
        while place <= self.scan.last {
            let symbol = self.symbol(table);
            let (zeros, size) = ((symbol >> 4) as usize, symbol & 0xF);
            if size > 0 {
                place += zeros;
                let value = self.signed(size) << self.scan.low;
                block[usize::from(ZIGZAG[place])] = value as i16;
            } else if zeros == 15 {
                place += 15;
            } else {
                self.start_eob_run(zeros as u32);
                self.eob_run -= 1;
                return;
            }
            place += 1;
        }
    }

    /// Starts a run of ended blocks, of one block unless the frame is
    /// progressive.
    fn start_eob_run(&mut self, size: u32) {
        self.eob_run = 1;
        if self.scan.first > 0 && size > 0 {
            self.eob_run = (1 << size) + self.bits.take(size);
        }
    }

    /// Reads one more bit of nonzero coefficients, and new nonzero ones.
    fn refine_ac(&mut self, table: &Huffman, block: &mut Block) {
        let mut place = self.scan.first;
        if self.eob_run == 0 {
            while place <= self.scan.last {
                let symbol = self.symbol(table);
                let (zeros, size) = (symbol >> 4, symbol & 0xF);
                if size == 0 && zeros < 15 {
                    self.start_eob_run(zeros);
                    break;
                }
                let value = match size {
                    0 => 0,
                    _ if self.bits.take(1) == 1 => 1 << self.scan.low,
                    _ => -1 << self.scan.low,
                };
                place = self.refine_nonzero(block, place, Some(zeros));
                if value != 0 {
                    block[usize::from(ZIGZAG[place])] = value;
                }
                place += 1;
            }
        }
        if self.eob_run > 0 {
            self.refine_nonzero(block, place, None);
            self.eob_run -= 1;
        }
    }

    /// Refines nonzero coefficients, and skips `zeros` zero ones. Returns the
    /// place of the next zero.
    fn refine_nonzero(
        &mut self,
        block: &mut Block,
        mut place: usize,
        mut zeros: Option<u32>,
    ) -> usize {
        while place <= self.scan.last {
            let known = &mut block[usize::from(ZIGZAG[place])];
            if *known == 0 {
                match &mut zeros {
                    Some(0) => break,
                    Some(left) => *left -= 1,
                    None => {}
                }
            } else if self.bits.take(1) == 1 {
                let bit = 1 << self.scan.low;
                if *known & bit == 0 {
                    *known = known.wrapping_add(known.signum() * bit);
                }
            }
            place += 1;
        }
        place
    }

    /// Returns the marker that ended the data, if it was read, and the rest.
    pub(super) fn end(self) -> (Option<u8>, &'b [u8], Diagnostics) {
        let (marker, rest) = self.bits.end();
        (marker, rest, self.findings)
    }
}
