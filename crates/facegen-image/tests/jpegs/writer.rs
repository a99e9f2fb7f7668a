//! Writes files: segments around the scans.

use super::bits::{Shape, Table};
use super::image::{Coefficients, ZIGZAG};
use super::scans::{Coder, Scan};

/// How an image is written.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The marker of the frame.
    pub(crate) frame: u8,
    pub(crate) scans: Vec<Scan>,
    /// MCUs between two restart markers, or zero.
    pub(crate) restart: usize,
    pub(crate) shape: Shape,
    /// Complete segments that come before the others.
    pub(crate) first: Vec<u8>,
    /// The ids of the components.
    pub(crate) names: [u8; 4],
}

impl Layout {
    pub(crate) fn write(&self, image: &Coefficients) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8];
        file.extend(&self.first);
        for (number, component) in image.components.iter().enumerate() {
            let steps = ZIGZAG.map(|place| component.quantization[place] as u8);
            segment(
                &mut file,
                0xDB,
                &[[number as u8].as_slice(), &steps].concat(),
            );
        }
        self.write_frame(&mut file, image);
        if self.restart > 0 {
            segment(&mut file, 0xDD, &(self.restart as u16).to_be_bytes());
        }
        for scan in &self.scans {
            self.write_scan(&mut file, image, scan);
        }
        file.extend([0xFF, 0xD9]);
        file
    }

    fn write_frame(&self, file: &mut Vec<u8>, image: &Coefficients) {
        let mut content = vec![8];
        content.extend((image.size.1 as u16).to_be_bytes());
        content.extend((image.size.0 as u16).to_be_bytes());
        content.push(image.components.len() as u8);
        for (number, component) in image.components.iter().enumerate() {
            let (h, v) = component.factors;
            content.extend([self.names[number], (h << 4 | v) as u8, number as u8]);
        }
        segment(file, self.frame, &content);
    }

    /// Writes a scan after its tables, which replace earlier ones.
    fn write_scan(&self, file: &mut Vec<u8>, image: &Coefficients, scan: &Scan) {
        let tables = [
            Table::new((0..12).collect(), self.shape),
            Table::new(levels_and_runs(), self.shape),
        ];
        let (dc, ac) = scan.needs();
        // Only the first component uses the tables of number zero.
        let number = |component: usize| u8::from(component > 0);
        let mut numbers: Vec<u8> = scan.components.iter().map(|name| number(*name)).collect();
        numbers.dedup();
        for number in numbers {
            for (class, table, needed) in [(0, &tables[0], dc), (0x10, &tables[1], ac)] {
                if needed {
                    let content = [&[class | number], table.definition().as_slice()].concat();
                    segment(file, 0xC4, &content);
                }
            }
        }
        let mut content = vec![scan.components.len() as u8];
        for component in &scan.components {
            content.extend([self.names[*component], number(*component) * 0x11]);
        }
        let (before, low) = scan.bits;
        content.extend([
            scan.band.0 as u8,
            scan.band.1 as u8,
            (before << 4 | low) as u8,
        ]);
        segment(file, 0xDA, &content);
        file.extend(Coder::code(image, scan, &tables, self.restart));
    }
}

pub(crate) fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = (content.len() + 2) as u16;
    file.extend([0xFF, marker]);
    file.extend(length.to_be_bytes());
    file.extend(content);
}

/// Returns the symbols of AC levels, the shortest first: runs of up to fifteen
/// zeros before levels of up to ten bits, sixteen zeros, and ends of blocks.
fn levels_and_runs() -> Vec<u8> {
    let levels = (1..=10).flat_map(|size| (0..16).map(move |zeros| zeros << 4 | size));
    let ends = (0..16).map(|size| size << 4);
    let mut symbols: Vec<u8> = ends.chain(levels).collect();
    symbols.sort_by_key(|symbol| (symbol >> 4) + (symbol & 0xF));
    symbols
}
