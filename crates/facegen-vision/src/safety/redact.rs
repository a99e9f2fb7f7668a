//! The four replacements of an unsafe image.

use facegen_core::SafetyAction;
use facegen_image::{CHANNELS, RgbImage};

use super::card::card;
use super::draw::Canvas;

/// Number of cells of [`SafetyAction::Pixelate`] along the longer side.
const PIXELATE_CELLS: usize = 8;
/// Number of cells that [`SafetyAction::Blur`] shrinks the longer side to.
const BLUR_CELLS: usize = 6;
/// Radius of the blur that follows, in cells; three times its deviation.
const BLUR_REACH: f32 = 2.4;

/// Returns the replacement of `image`, of the same size.
///
/// Blurred and pixelated images are first averaged over a few large cells and
/// then drawn from those averages alone, so no sharpening restores them: at
/// most 64 averages are left of an image of any size.
#[must_use]
pub fn redact(image: &RgbImage, action: SafetyAction) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    match action {
        SafetyAction::Blur => blurred(&Cells::average(image, BLUR_CELLS), width, height),
        SafetyAction::SensitiveContentText => card(width, height),
        SafetyAction::Pixelate => {
            let cells = Cells::average(image, PIXELATE_CELLS);
            let canvas = Canvas::new(width, height, |x, y| {
                let column = (x * cells.columns as f32 / width as f32) as usize;
                cells.colour(column, (y * cells.rows as f32 / height as f32) as usize)
            });
            canvas.into_image()
        }
        SafetyAction::Black => RgbImage::black(width, height),
    }
}

/// An image of a few cells.
struct Cells {
    columns: usize,
    rows: usize,
    colours: Vec<[f32; CHANNELS]>,
}

impl Cells {
    /// Averages an image over cells that are nearly square, `longer` of them
    /// along its longer side. An image of fewer pixels has one cell.
    fn average(image: &RgbImage, longer: usize) -> Self {
        let (width, height) = (image.width(), image.height());
        let side = (width.max(height) as f32 / longer as f32).max(1.0);
        // A cell is at least 8 pixels wide: single pixels are no averages.
        let count =
            |pixels: usize| ((pixels as f32 / side).round() as usize).clamp(1, (pixels / 8).max(1));
        let (columns, rows) = (count(width), count(height));
        let mut sums = vec![[0.0; CHANNELS]; columns * rows];
        let mut pixels = vec![0.0; columns * rows];
        for y in 0..height {
            let row = y * rows / height * columns;
            for (x, pixel) in image.row(y).chunks_exact(CHANNELS).enumerate() {
                let cell = row + x * columns / width;
                pixels[cell] += 1.0;
                for (sum, &value) in sums[cell].iter_mut().zip(pixel) {
                    *sum += f32::from(value);
                }
            }
        }
        let average = |(sum, pixels): ([f32; CHANNELS], f32)| sum.map(|sum| (sum / pixels).round());
        Self {
            columns,
            rows,
            colours: sums.into_iter().zip(pixels).map(average).collect(),
        }
    }

    fn colour(&self, column: usize, row: usize) -> [f32; CHANNELS] {
        self.colours[row.min(self.rows - 1) * self.columns + column.min(self.columns - 1)]
    }
}

/// Draws the cells, blended into each other.
fn blurred(cells: &Cells, width: usize, height: usize) -> RgbImage {
    let columns = weights(cells.columns, width);
    let rows = weights(cells.rows, height);
    // Columns first: an intermediate image of all rows and a few columns.
    let mix = |weights: &[f32], colour: &dyn Fn(usize) -> [f32; CHANNELS]| {
        let mut mixed = [0.0; CHANNELS];
        for (index, weight) in weights.iter().enumerate() {
            for (sum, value) in mixed.iter_mut().zip(colour(index)) {
                *sum += weight * value;
            }
        }
        mixed
    };
    let tall: Vec<[f32; CHANNELS]> = rows
        .iter()
        .flat_map(|weights| {
            (0..cells.columns).map(move |column| mix(weights, &|row| cells.colour(column, row)))
        })
        .collect();
    let canvas = Canvas::new(width, height, |x, y| {
        let row = y as usize * cells.columns;
        mix(&columns[x as usize], &|column| tall[row + column])
    });
    canvas.into_image()
}

/// Returns the weight of each of `cells` at each of `pixels` along one side: a
/// bell without an exponential, whose last bit differs between machines.
fn weights(cells: usize, pixels: usize) -> Vec<Vec<f32>> {
    let weights = |pixel: usize| -> Vec<f32> {
        let place = (pixel as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5;
        let weight = |cell: usize| {
            let distance = (place - cell as f32) / BLUR_REACH;
            let bell = (1.0 - distance * distance).max(0.0);
            bell * bell * bell
        };
        let sum: f32 = (0..cells).map(weight).sum();
        (0..cells).map(|cell| weight(cell) / sum).collect()
    };
    (0..pixels).map(weights).collect()
}
