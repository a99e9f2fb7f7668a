//! The coefficients of an image with several scans.

use super::frame::{Component, Frame};
use super::idct::{self, Block};
use super::scan::{Decoder, Diagnostics, Scan};
use super::segments::Segments;
use super::smoothing::Accuracy;
use super::tables::Tables;
use crate::decode::error::InputImageError;

/// The coefficients of all blocks of an image while its scans are read.
pub(super) struct Coefficients {
    /// The blocks of each component.
    blocks: Vec<Vec<Block>>,
    /// The quantization table of each component at its first scan.
    quantization: Vec<Option<[u16; 64]>>,
    /// The accuracy after the last scan, and before it.
    accuracy: Vec<Accuracy>,
    accuracy_before: Vec<Accuracy>,
    /// The last row of MCUs that the last scan had data for.
    last_row: usize,
}

impl Coefficients {
    pub(super) fn new(frame: &Frame) -> Self {
        let blocks = frame.components.iter().map(|component| {
            let rows = frame.mcus().1 * component.sampling.1;
            vec![[0; 64]; rows * frame.stride(component)]
        });
        Self {
            blocks: blocks.collect(),
            quantization: vec![None; frame.components.len()],
            accuracy: vec![Accuracy::default(); frame.components.len()],
            accuracy_before: vec![Accuracy::default(); frame.components.len()],
            last_row: 0,
        }
    }

    /// Reads a scan and continues after it.
    ///
    /// # Errors
    /// Fails when a table is missing.
    pub(super) fn read_scan(
        &mut self,
        segments: &mut Segments<'_>,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
    ) -> Result<Diagnostics, InputImageError> {
        for scanned in &scan.components {
            if self.quantization[scanned.index].is_none() {
                let quantization = tables.quantization(&frame.components[scanned.index])?;
                self.quantization[scanned.index] = Some(quantization);
            }
        }
        let mut decoder = Decoder::new(segments.rest(), scan, tables)?;
        self.accuracy_before.clone_from(&self.accuracy);
        for scanned in &scan.components {
            scan.note_accuracy(&mut self.accuracy[scanned.index]);
        }
        match &scan.components[..] {
            [single] => self.read_blocks(frame, single.index, &mut decoder),
            _ => self.read_groups(frame, scan, &mut decoder),
        }
        let (marker, rest, findings) = decoder.end();
        segments.go_on(marker, rest);
        Ok(findings)
    }

    /// Returns whether a component has had no scan.
    pub(super) fn lacks_components(&self) -> bool {
        self.quantization.iter().any(Option::is_none)
    }

    /// Reads the blocks of one component, without those that pad an MCU.
    fn read_blocks(&mut self, frame: &Frame, index: usize, decoder: &mut Decoder<'_, '_>) {
        let component = &frame.components[index];
        let (across, down) = component.blocks();
        let rows = self.blocks[index].chunks_mut(frame.stride(component));
        for (number, row) in rows.take(down).enumerate() {
            for block in &mut row[..across] {
                if decoder.is_over() {
                    return;
                }
                if decoder.begin_mcu() {
                    self.last_row = number / component.sampling.1;
                    decoder.read_block(0, block);
                    decoder.end_mcu();
                }
            }
        }
    }

    fn read_groups(&mut self, frame: &Frame, scan: &Scan, decoder: &mut Decoder<'_, '_>) {
        let (columns, rows) = frame.mcus();
        for mcu in 0..columns * rows {
            if decoder.is_over() {
                break;
            }
            if !decoder.begin_mcu() {
                continue;
            }
            self.last_row = mcu / columns;
            for (number, scanned) in scan.components.iter().enumerate() {
                let component = &frame.components[scanned.index];
                let (across, down) = component.sampling;
                let blocks = &mut self.blocks[scanned.index];
                for place in 0..across * down {
                    let row = mcu / columns * down + place / across;
                    let column = mcu % columns * across + place % across;
                    decoder.read_block(number, &mut blocks[row * frame.stride(component) + column]);
                }
            }
            decoder.end_mcu();
        }
    }

    /// Writes the samples of a row of MCUs.
    pub(super) fn write_samples(&self, frame: &Frame, row: usize, rows: &mut [(&mut [u8], usize)]) {
        let smooths = self.smooths(frame);
        for (index, (samples, stride)) in rows.iter_mut().enumerate() {
            let component = &frame.components[index];
            let across = frame.stride(component);
            // A component without a scan is grey.
            let quantization = self.quantization[index].unwrap_or([0; 64]);
            let first = row * component.sampling.1 * across;
            for place in 0..component.sampling.1 * across {
                let mut block = self.blocks[index][first + place];
                if smooths {
                    let means = self.means(index, component, across, first + place);
                    let accuracy = self.accuracy(index, row);
                    block = accuracy.estimate(&block, &quantization, means);
                }
                let target = &mut samples[place / across * 8 * *stride + place % across * 8..];
                idct::write_samples(&block, &quantization, target, *stride);
            }
        }
    }

    /// Returns whether to estimate: the means of all components are known, but
    /// not everything else.
    fn smooths(&self, frame: &Frame) -> bool {
        let accuracy = &self.accuracy;
        frame.is_progressive
            && accuracy.iter().all(Accuracy::has_means)
            && accuracy.iter().any(Accuracy::is_partial)
    }

    fn accuracy(&self, index: usize, row: usize) -> Accuracy {
        if row <= self.last_row {
            self.accuracy[index]
        } else {
            self.accuracy_before[index]
        }
    }

    /// Returns the means of a block and of those around it, in rows. At the
    /// border the block itself replaces missing neighbours.
    fn means(&self, index: usize, component: &Component, across: usize, place: usize) -> [i16; 9] {
        let (columns, rows) = component.blocks();
        let (x, y) = (place % across, place / across);
        let near = |at: usize, offset: usize, end: usize| {
            (at + offset).saturating_sub(1).min(at.max(end - 1))
        };
        std::array::from_fn(|number| {
            let column = near(x, number % 3, columns);
            let row = near(y, number / 3, rows);
            self.blocks[index][row * across + column][0]
        })
    }
}
