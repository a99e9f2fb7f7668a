//! The tables that scans refer to by their number.

use super::frame::Component;
use super::huffman::Huffman;
use super::idct::ZIGZAG;
use crate::decode::error::InputImageError;

/// The tables and the restart interval that are currently defined.
#[derive(Debug, Default)]
pub(super) struct Tables {
    quantization: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// MCUs between two restart markers, or zero.
    pub(super) restart: u32,
}

impl Tables {
    /// Stores what a segment defines, if that is a table or the restart
    /// interval.
    ///
    /// # Errors
    /// Fails when it is inconsistent.
    pub(super) fn note(&mut self, marker: u8, content: &[u8]) -> Result<(), InputImageError> {
        match marker {
            0xDB => self.define_quantization(content),
            0xC4 => self.define_huffman(content),
            0xDD => {
                self.restart = content
                    .iter()
                    .take(2)
                    .fold(0, |number, byte| number << 8 | u32::from(*byte));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns the quantization table of a component.
    ///
    /// # Errors
    /// Fails when it was never defined.
    pub(super) fn quantization(&self, component: &Component) -> Result<[u16; 64], InputImageError> {
        self.quantization[component.quantization].ok_or(InputImageError::Damaged(None))
    }

    /// Stores quantization tables.
    ///
    /// # Errors
    /// Fails when it is inconsistent.
    fn define_quantization(&mut self, mut content: &[u8]) -> Result<(), InputImageError> {
        while let Some((head, rest)) = content.split_first() {
            let wide = usize::from(head >> 4 != 0);
            let (values, rest) = rest
                .split_at_checked(64 << wide)
                .ok_or(InputImageError::Damaged(None))?;
            let table = self.quantization.get_mut(usize::from(head & 0xF));
            let table = table.ok_or(InputImageError::Damaged(None))?.insert([0; 64]);
            for (place, value) in ZIGZAG.iter().zip(values.chunks(1 << wide)) {
                table[usize::from(*place)] = value
                    .iter()
                    .fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            content = rest;
        }
        Ok(())
    }

    /// Stores Huffman tables.
    ///
    /// # Errors
    /// Fails when it is inconsistent.
    fn define_huffman(&mut self, content: &[u8]) -> Result<(), InputImageError> {
        let mut rest = content;
        // Some writers pad such a segment with zeros.
        while rest.len() > 16 {
            rest = self
                .define_table(rest)
                .ok_or(InputImageError::Damaged(None))?;
        }
        Ok(())
    }

    fn define_table<'b>(&mut self, content: &'b [u8]) -> Option<&'b [u8]> {
        let (head, rest) = content.split_first()?;
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let count = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(count)?;
        let table = Huffman::new(counts, symbols)?;
        let number = usize::from(head & 0xF);
        match head >> 4 {
            0 if table.is_dc() => *self.dc.get_mut(number)? = Some(table),
            1 => *self.ac.get_mut(number)? = Some(table),
            _ => return None,
        }
        Some(rest)
    }

    /// Fills in the standard's Huffman tables, DC and AC, for these numbers
    /// where the file has none. Returns whether it did.
    pub(super) fn fill_in(&mut self, (dc, ac): (usize, usize)) -> bool {
        let mut filled = false;
        for (tables, number, is_dc) in [(&mut self.dc, dc, true), (&mut self.ac, ac, false)] {
            if let Some(table @ None) = tables[..2].get_mut(number) {
                *table = Huffman::standard(is_dc, number == 1);
                filled = true;
            }
        }
        filled
    }

    pub(super) fn dc(&self, number: usize) -> Option<&Huffman> {
        self.dc.get(number)?.as_ref()
    }

    pub(super) fn ac(&self, number: usize) -> Option<&Huffman> {
        self.ac.get(number)?.as_ref()
    }
}
