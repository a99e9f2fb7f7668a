//! A canvas, shapes and text.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use facegen_image::{CHANNELS, RgbImage};

/// Red, green, blue.
pub(super) type Colour = [f32; CHANNELS];

/// An image that is drawn in f32, so that gradients stay smooth.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// Builds a canvas whose pixels have the `colour` of their centres.
    pub(super) fn new(width: usize, height: usize, colour: impl Fn(f32, f32) -> Colour) -> Self {
        let pixels = (0..width * height)
            .map(|index| colour((index % width) as f32 + 0.5, (index / width) as f32 + 0.5));
        Self {
            width,
            height,
            pixels: pixels.collect(),
        }
    }

    /// Blends `colour` over the pixel, weighted by `coverage`.
    fn blend(&mut self, x: i32, y: i32, colour: Colour, coverage: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x >= self.width || y >= self.height {
            return;
        }
        let coverage = coverage.clamp(0.0, 1.0);
        for (old, new) in self.pixels[y * self.width + x].iter_mut().zip(colour) {
            *old += (new - *old) * coverage;
        }
    }

    /// Fills a shape: `distance` returns how far the centre of a pixel is
    /// outside it, in pixels; negative inside.
    pub(super) fn fill(&mut self, colour: Colour, distance: impl Fn(f32, f32) -> f32) {
        for y in 0..self.height {
            for x in 0..self.width {
                let outside = distance(x as f32 + 0.5, y as f32 + 0.5);
                if outside < 0.5 {
                    self.blend(x as i32, y as i32, colour, 0.5 - outside);
                }
            }
        }
    }

    /// Draws a line of text, its middle at `center`, its baseline at `baseline`.
    pub(super) fn text(&mut self, line: &Text<'_>, center: f32, baseline: f32, colour: Colour) {
        let mut pen = center - line.width() / 2.0;
        let font = line.font.as_scaled(line.scale());
        for letter in line.text.chars() {
            let glyph = font.glyph_id(letter);
            let placed = glyph.with_scale_and_position(line.scale(), point(pen, baseline));
            if let Some(outline) = line.font.outline_glyph(placed) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, coverage| {
                    let (x, y) = (corner.x as i32 + x as i32, corner.y as i32 + y as i32);
                    self.blend(x, y, colour, coverage);
                });
            }
            pen += font.h_advance(glyph) + line.tracking * line.size;
        }
    }

    /// Converts the image to bytes.
    pub(super) fn into_image(self) -> RgbImage {
        let mut image = RgbImage::black(self.width, self.height);
        for y in 0..self.height {
            let row = &self.pixels[y * self.width..(y + 1) * self.width];
            for (byte, value) in image.row_mut(y).iter_mut().zip(row.as_flattened()) {
                *byte = value.round().clamp(0.0, 255.0) as u8;
            }
        }
        image
    }
}

/// A line of text.
pub(super) struct Text<'a> {
    pub(super) font: &'a FontRef<'a>,
    pub(super) text: &'a str,
    /// The size of the typeface (its em), in pixels.
    pub(super) size: f32,
    /// Additional space between letters, in ems.
    pub(super) tracking: f32,
}

impl Text<'_> {
    /// Returns the width in pixels.
    pub(super) fn width(&self) -> f32 {
        let font = self.font.as_scaled(self.scale());
        let advance = |letter| font.h_advance(font.glyph_id(letter)) + self.tracking * self.size;
        self.text.chars().map(advance).sum::<f32>() - self.tracking * self.size
    }

    /// Returns the typeface's scale, measured from its highest to its lowest
    /// point.
    fn scale(&self) -> PxScale {
        let units = self.font.units_per_em().unwrap_or(1.0);
        PxScale::from(self.size * self.font.height_unscaled() / units)
    }
}
