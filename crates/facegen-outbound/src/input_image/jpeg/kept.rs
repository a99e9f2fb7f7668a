//! The coefficients of a picture that comes in several scans.

use super::super::InputImageError;
use super::frame::Frame;
use super::idct::{self, Block};
use super::scan::{Decoder, Findings, Scan};
use super::segments::Segments;
use super::tables::Tables;

/// What is known of all blocks of a picture while its scans are read.
pub(super) struct Kept {
    /// For each component.
    blocks: Vec<Vec<Block>>,
    /// Its quantization table when its first scan came.
    quantization: Vec<Option<[u16; 64]>>,
}

impl Kept {
    pub(super) fn new(frame: &Frame) -> Self {
        let blocks = frame.components.iter().map(|component| {
            let rows = frame.mcus().1 * component.sampling.1;
            vec![[0; 64]; rows * frame.stride(component)]
        });
        Self {
            blocks: blocks.collect(),
            quantization: vec![None; frame.components.len()],
        }
    }

    /// Reads a scan and goes on behind it.
    ///
    /// # Errors
    /// A table is missing.
    pub(super) fn read_scan(
        &mut self,
        segments: &mut Segments<'_>,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
    ) -> Result<Findings, InputImageError> {
        for scanned in &scan.components {
            if self.quantization[scanned.index].is_none() {
                let quantization = tables.quantization(&frame.components[scanned.index])?;
                self.quantization[scanned.index] = Some(quantization);
            }
        }
        let mut decoder = Decoder::new(segments.rest(), scan, tables)?;
        match &scan.components[..] {
            [single] => self.read_blocks(frame, single.index, &mut decoder),
            _ => self.read_groups(frame, scan, &mut decoder),
        }
        let (marker, rest, findings) = decoder.end();
        segments.go_on(marker, rest);
        Ok(findings)
    }

    /// Whether a component never came.
    pub(super) fn lacks_components(&self) -> bool {
        self.quantization.iter().any(Option::is_none)
    }

    /// The blocks of one component, without those that fill up an MCU.
    fn read_blocks(&mut self, frame: &Frame, index: usize, decoder: &mut Decoder<'_, '_>) {
        let component = &frame.components[index];
        let (across, down) = (
            component.samples.0.div_ceil(8),
            component.samples.1.div_ceil(8),
        );
        let rows = self.blocks[index].chunks_mut(frame.stride(component));
        for block in rows.take(down).flat_map(|row| &mut row[..across]) {
            if decoder.is_over() {
                break;
            }
            if decoder.begin_mcu() {
                decoder.read_block(0, block);
                decoder.end_mcu();
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

    /// The samples of a row of MCUs.
    pub(super) fn write_samples(&self, frame: &Frame, row: usize, rows: &mut [(&mut [u8], usize)]) {
        for (index, (samples, stride)) in rows.iter_mut().enumerate() {
            let component = &frame.components[index];
            let across = frame.stride(component);
            let blocks = &self.blocks[index][row * component.sampling.1 * across..];
            // Of a component that never came all is grey.
            let quantization = self.quantization[index].unwrap_or([0; 64]);
            for (place, block) in blocks
                .iter()
                .take(component.sampling.1 * across)
                .enumerate()
            {
                let target = &mut samples[place / across * 8 * *stride + place % across * 8..];
                idct::write_samples(block, &quantization, target, *stride);
            }
        }
    }
}
