//! The image of a file, computed from its coefficients and not from its bytes:
//! simply, in floating point, with the upsampling of the reference reader
//! (libjpeg-turbo).

use super::image::{COSINES, Coefficients, Component};

/// A component at the size of the image.
type Plane = Vec<f64>;

/// Returns the pixels in red, green and blue.
pub(crate) fn pixels(image: &Coefficients) -> Vec<[f64; 3]> {
    let planes: Vec<Plane> = image
        .components
        .iter()
        .map(|component| enlarge(component, image))
        .collect();
    let pixels = 0..image.size.0 * image.size.1;
    match &planes[..] {
        [grey] => pixels.map(|at| [grey[at]; 3]).collect(),
        [luma, blue, red] => pixels.map(|at| rgb(luma[at], blue[at], red[at])).collect(),
        _ => panic!("no colours of {} components", planes.len()),
    }
}

fn rgb(luma: f64, blue: f64, red: f64) -> [f64; 3] {
    let (blue, red) = (blue - 128.0, red - 128.0);
    let levels = [
        luma + 1.402 * red,
        luma - 0.344_136 * blue - 0.714_136 * red,
        luma + 1.772 * blue,
    ];
    levels.map(|level| level.clamp(0.0, 255.0))
}

/// Returns the samples of a component, in rows.
fn samples(component: &Component) -> Plane {
    let (width, height) = component.samples;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let levels: Vec<[f64; 64]> = component
        .data
        .iter()
        .map(|block| levels(block, &component.quantization))
        .collect();
    places
        .map(|(x, y)| levels[y / 8 * component.stride + x / 8][y % 8 * 8 + x % 8])
        .collect()
}

fn levels(block: &[i32; 64], quantization: &[i32; 64]) -> [f64; 64] {
    std::array::from_fn(|at| {
        let sum: f64 = (0..64)
            .map(|place| {
                let weight = COSINES[place % 8][at % 8] * COSINES[place / 8][at / 8];
                f64::from(block[place] * quantization[place]) * weight
            })
            .sum();
        (sum + 128.0).round().clamp(0.0, 255.0)
    })
}

/// Upsamples a component to the size of the image: by two, each new sample lies
/// a quarter of a sample from an old one and is interpolated from the two
/// nearest; otherwise samples are repeated.
fn enlarge(component: &Component, image: &Coefficients) -> Plane {
    let (width, height) = component.samples;
    let (h, v) = component.factors;
    let (across, down) = (image.most.0 / h, image.most.1 / v);
    let samples = samples(component);
    let mixes_across = across == 2 && down <= 2 && width > 2;
    let mixes_down = down == 2 && (across == 1 || mixes_across);
    let across = Axis {
        factor: across,
        length: width,
        mixes: mixes_across,
    };
    let down = Axis {
        factor: down,
        length: height,
        mixes: mixes_down,
    };
    let places = (0..image.size.1).flat_map(|y| (0..image.size.0).map(move |x| (x, y)));
    places
        .map(|(x, y)| {
            let row = |y: usize| {
                across
                    .mix(x)
                    .map(|(x, share)| samples[y * width + x] * share)
                    .iter()
                    .sum::<f64>()
            };
            down.mix(y)
                .map(|(y, share)| row(y) * share)
                .iter()
                .sum::<f64>()
        })
        .collect()
}

struct Axis {
    factor: usize,
    length: usize,
    mixes: bool,
}

impl Axis {
    /// Returns two samples and their weights at this position.
    fn mix(&self, place: usize) -> [(usize, f64); 2] {
        let near = (place / self.factor).min(self.length - 1);
        if !self.mixes {
            return [(near, 1.0), (near, 0.0)];
        }
        let far = if place.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(self.length - 1)
        };
        [(near, 0.75), (far, 0.25)]
    }
}
