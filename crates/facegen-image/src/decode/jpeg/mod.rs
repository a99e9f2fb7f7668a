//! Decodes JPEG files (ITU-T T.81) of the processes that cameras, programs and
//! browsers use: sequential and progressive, Huffman-coded, 8 bits.
//!
//! No available decoder reads them all as browsers do (see
//! docs/decisions/0061-an-own-jpeg-decoder.md), so this one follows the
//! reference reader, libjpeg-turbo, in its arithmetic and in its handling of
//! damage. `tests/jpegs` checks it with thousands of files.
//!
//! A file of one scan is decoded row by row. For others the coefficients are
//! kept until all scans are read.

mod bits;
mod coefficients;
mod colours;
mod frame;
mod huffman;
mod idct;
mod planes;
mod scan;
mod segments;
mod smoothing;
mod tables;

use coefficients::Coefficients;
use colours::{ColourMarkers, Colours};
use frame::Frame;
use planes::Planes;
use scan::{Decoder, Diagnostics, Scan};
use segments::Segments;
use tables::Tables;

use super::{InputImageError, Warning, Warnings};

/// Start of scan: entropy-coded data follows its header.
const START_OF_SCAN: u8 = 0xDA;
/// The most scans that are read. Each costs time in proportion to the image and
/// can be a few bytes of the file.
const MAX_SCANS: usize = 200;

/// A file that was read up to its first scan.
#[derive(Debug)]
pub(super) struct Jpeg<'b> {
    segments: Segments<'b>,
    tables: Tables,
    colour_markers: ColourMarkers,
    exif: Option<&'b [u8]>,
    frame: Frame,
    scan: Scan,
}

/// The content of the segments before the first scan.
#[derive(Debug, Default)]
struct Head<'b> {
    tables: Tables,
    colour_markers: ColourMarkers,
    exif: Option<&'b [u8]>,
    frame: Option<Frame>,
}

impl<'b> Jpeg<'b> {
    /// Reads the segments before the first scan.
    ///
    /// # Errors
    /// Fails when there is no scan, or the segments before it are inconsistent
    /// or of a process that is not supported.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, InputImageError> {
        let mut segments = Segments::new(bytes.get(2..).unwrap_or_default());
        let mut head = Head::default();
        while let Some((marker, content)) = segments.next() {
            if marker == START_OF_SCAN {
                let frame = head.frame.ok_or(InputImageError::Damaged(None))?;
                let scan = Scan::read(content, &frame)?;
                return Ok(Self {
                    segments,
                    tables: head.tables,
                    colour_markers: head.colour_markers,
                    exif: head.exif,
                    frame,
                    scan,
                });
            }
            head.note(marker, content)?;
        }
        Err(InputImageError::Damaged(None))
    }

    /// Returns the width and height.
    pub(super) fn size(&self) -> (u32, u32) {
        // They have 16 bits each.
        (self.frame.width as u32, self.frame.height as u32)
    }

    /// Returns the content of the first EXIF segment.
    pub(super) fn exif(&self) -> Option<&'b [u8]> {
        self.exif
    }

    /// Returns the bytes per pixel that are kept until all scans are read: two
    /// for each sample, unless there is only one scan.
    pub(super) fn kept_bytes_per_pixel(&self) -> u64 {
        if self.scan.is_only(&self.frame) {
            return 0;
        }
        let (samples, pixels) = self.frame.samples();
        (2 * samples).div_ceil(pixels)
    }

    /// Decodes the pixels, three bytes each. Missing ones are grey.
    ///
    /// # Errors
    /// Fails when there are no pixels.
    pub(super) fn read(self, warnings: &mut Warnings) -> Result<Vec<u8>, InputImageError> {
        let colours = self.colour_markers.colours(&self.frame);
        if self.colour_markers.is_unknown() {
            warnings.add(Warning::UnknownTransform);
        }
        if self.scan.is_only(&self.frame) {
            self.read_only_scan(colours, warnings)
        } else {
            self.read_scans(colours, warnings)
        }
    }

    fn read_only_scan(
        mut self,
        colours: Colours,
        warnings: &mut Warnings,
    ) -> Result<Vec<u8>, InputImageError> {
        fill_in(&mut self.tables, &self.scan, warnings);
        let mut quantization = Vec::new();
        for scanned in &self.scan.components {
            quantization.push(
                self.tables
                    .quantization(&self.frame.components[scanned.index])?,
            );
        }
        let mut decoder = Decoder::new(self.segments.rest(), &self.scan, &self.tables)?;
        let mcus = self.frame.mcus().0;
        let rgb = write_image(&self.frame, colours, |_, rows| {
            for mcu in 0..mcus {
                if decoder.is_over() || !decoder.begin_mcu() {
                    continue;
                }
                for (number, scanned) in self.scan.components.iter().enumerate() {
                    let (across, down) = self.frame.components[scanned.index].sampling;
                    let (samples, stride) = &mut rows[scanned.index];
                    for place in 0..across * down {
                        let mut block = [0; 64];
                        decoder.read_block(number, &mut block);
                        let left = (mcu * across + place % across) * 8;
                        let top = place / across * 8;
                        let target = &mut samples[top * *stride + left..];
                        idct::write_samples(&block, &quantization[number], target, *stride);
                    }
                }
                decoder.end_mcu();
            }
        });
        let (marker, rest, findings) = decoder.end();
        self.segments.go_on(marker, rest);
        while self.segments.next().is_some() {}
        finish(&findings, self.segments.has_end, warnings)?;
        Ok(rgb)
    }

    fn read_scans(
        mut self,
        colours: Colours,
        warnings: &mut Warnings,
    ) -> Result<Vec<u8>, InputImageError> {
        let mut coefficients = Coefficients::new(&self.frame);
        let mut all = Diagnostics::default();
        let mut broken = None;
        for number in 0.. {
            if number == MAX_SCANS {
                return Err(InputImageError::TooDemanding(None));
            }
            if !self.frame.is_progressive {
                fill_in(&mut self.tables, &self.scan, warnings);
            }
            match coefficients.read_scan(&mut self.segments, &self.frame, &self.scan, &self.tables)
            {
                Ok(findings) => all.add(&findings),
                Err(error) => broken = Some(error),
            }
            match self.next_scan() {
                Ok(Some(scan)) if broken.is_none() => self.scan = scan,
                Ok(_) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        match broken {
            Some(error) if !all.has_some => return Err(error),
            broken => all.is_damaged |= broken.is_some(),
        }
        all.is_incomplete |= coefficients.lacks_components();
        finish(&all, self.segments.has_end, warnings)?;
        Ok(write_image(&self.frame, colours, |row, rows| {
            coefficients.write_samples(&self.frame, row, rows);
        }))
    }

    /// Reads the next scan, with the tables that are defined before it.
    fn next_scan(&mut self) -> Result<Option<Scan>, InputImageError> {
        while let Some((marker, content)) = self.segments.next() {
            if marker == START_OF_SCAN {
                return Scan::read(content, &self.frame).map(Some);
            }
            self.tables.note(marker, content)?;
        }
        Ok(None)
    }
}

impl<'b> Head<'b> {
    fn note(&mut self, marker: u8, content: &'b [u8]) -> Result<(), InputImageError> {
        match marker {
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                if self.frame.is_some() {
                    return Err(InputImageError::Damaged(None));
                }
                self.frame = Some(Frame::read(marker, content)?);
            }
            0xE0 if content.len() >= 14 && content.starts_with(b"JFIF\0") => {
                self.colour_markers.is_jfif = true
            }
            0xE1 if content.starts_with(b"Exif\0\0") => self.exif = self.exif.or(Some(content)),
            0xEE if content.starts_with(b"Adobe") => {
                self.colour_markers.adobe = content.get(11).copied()
            }
            _ => self.tables.note(marker, content)?,
        }
        Ok(())
    }
}

/// Builds the image from the samples that `fill` writes, one row of MCUs after
/// the other.
fn write_image(
    frame: &Frame,
    colours: Colours,
    mut fill: impl FnMut(usize, &mut [(&mut [u8], usize)]),
) -> Vec<u8> {
    let mut rgb = vec![0; frame.width * frame.height * 3];
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    let mut targets = pixels.chunks_exact_mut(frame.width);
    let mut planes = Planes::new(frame);
    for row in 0..frame.mcus().1 {
        fill(row, &mut planes.add_rows());
        planes.write_rows(|lines| {
            if let Some(target) = targets.next() {
                colours.write(lines, target);
            }
        });
    }
    rgb
}

/// Uses the standard's tables in place of missing ones.
fn fill_in(tables: &mut Tables, scan: &Scan, warnings: &mut Warnings) {
    for component in &scan.components {
        if tables.fill_in(component.tables) {
            warnings.add(Warning::StandardTables);
        }
    }
}

/// Adds warnings about missing or damaged data.
fn finish(
    findings: &Diagnostics,
    has_end: bool,
    warnings: &mut Warnings,
) -> Result<(), InputImageError> {
    if !findings.has_some {
        return Err(InputImageError::Damaged(None));
    }
    if findings.is_incomplete {
        warnings.add(Warning::Incomplete);
    }
    if findings.is_damaged {
        warnings.add(Warning::Damaged);
    }
    if !has_end && !findings.is_incomplete {
        warnings.add(Warning::NoEnd);
    }
    Ok(())
}
