//! An image as a file holds it: components with blocks of coefficients.

use std::sync::LazyLock;

/// Coefficients in the order of frequencies, horizontal and vertical.
pub(crate) type Block = [i32; 64];

/// The sampling factors of a component.
pub(crate) type Factors = (usize, usize);

/// The zigzag order of the coefficients of a block.
pub(crate) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// An image before it is written.
pub(crate) struct Coefficients {
    pub(crate) size: (usize, usize),
    /// The largest factors.
    pub(crate) most: Factors,
    pub(crate) components: Vec<Component>,
}

pub(crate) struct Component {
    pub(crate) factors: Factors,
    /// The numbers of samples horizontally and vertically.
    pub(crate) samples: (usize, usize),
    /// The numbers of blocks that hold samples, across and down.
    pub(crate) blocks: (usize, usize),
    /// Blocks of a row, including those that only pad a group.
    pub(crate) stride: usize,
    pub(crate) data: Vec<Block>,
    pub(crate) quantization: Block,
}

impl Coefficients {
    /// Creates an image of `size` whose components have these factors. Each has
    /// its own waves, slope and edge, so that a block in a wrong place, or of
    /// another component, is detected.
    pub(crate) fn new(size: (usize, usize), factors: &[Factors]) -> Self {
        let most = factors.iter().fold((1, 1), |most, factors| {
            (most.0.max(factors.0), most.1.max(factors.1))
        });
        let groups = (size.0.div_ceil(8 * most.0), size.1.div_ceil(8 * most.1));
        let components = factors.iter().enumerate();
        let components = components
            .map(|(number, factors)| Component::new(number, *factors, size, most, groups))
            .collect();
        Self {
            size,
            most,
            components,
        }
    }

    /// Returns the numbers of groups of blocks, across and down.
    pub(crate) fn groups(&self) -> (usize, usize) {
        let (width, height) = self.size;
        (
            width.div_ceil(8 * self.most.0),
            height.div_ceil(8 * self.most.1),
        )
    }
}

impl Component {
    fn new(
        number: usize,
        factors: Factors,
        size: (usize, usize),
        most: Factors,
        groups: (usize, usize),
    ) -> Self {
        let samples = (
            (size.0 * factors.0).div_ceil(most.0),
            (size.1 * factors.1).div_ceil(most.1),
        );
        let stride = groups.0 * factors.0;
        let quantization = quantization(number);
        let scale = (
            most.0 as f64 / factors.0 as f64,
            most.1 as f64 / factors.1 as f64,
        );
        let blocks = (0..stride * groups.1 * factors.1).map(|index| {
            let (left, top) = (index % stride * 8, index / stride * 8);
            let level = |x: usize, y: usize| {
                // The border is repeated beyond the image, as encoders do.
                let x = (left + x).min(samples.0 - 1) as f64 + 0.5;
                let y = (top + y).min(samples.1 - 1) as f64 + 0.5;
                level(number, x * scale.0, y * scale.1)
            };
            transform(level, &quantization)
        });
        Self {
            factors,
            samples,
            blocks: (samples.0.div_ceil(8), samples.1.div_ceil(8)),
            stride,
            data: blocks.collect(),
            quantization,
        }
    }
}

/// Computes the level of a component at a position of the image, from 0 to 255.
fn level(number: usize, x: f64, y: f64) -> f64 {
    let (fast, slow, steep): (f64, f64, f64) =
        [(9.0, 31.0, 1.4), (13.0, 47.0, -1.1), (17.0, 39.0, 0.9)][number];
    let waves = 35.0 * wave(x / fast + y / 23.0) + 45.0 * wave(y / slow - x / 37.0);
    let edge = if x > y * steep.abs() + 9.0 * steep {
        25.0
    } else {
        -25.0
    };
    (128.0 + waves + edge + steep * (x - y) / 4.0).clamp(0.0, 255.0)
}

/// Computes a triangle wave, which is equal on every machine: between -1 and 1,
/// with a period of 6.
fn wave(place: f64) -> f64 {
    let place = (place / 6.0).rem_euclid(1.0);
    4.0 * (place - 0.5).abs() - 1.0
}

/// Returns small steps, different for each component.
fn quantization(number: usize) -> Block {
    std::array::from_fn(|place| (2 + number + place / 8 + place % 8) as i32)
}

/// The cosines of the eighths of a right angle.
const EIGHTHS: [f64; 9] = [
    1.0,
    0.980_785_280_403_230_4,
    0.923_879_532_511_286_7,
    0.831_469_612_302_545_2,
    std::f64::consts::FRAC_1_SQRT_2,
    0.555_570_233_019_602_2,
    0.382_683_432_365_089_8,
    0.195_090_322_016_128_3,
    0.0,
];

/// `COSINES[frequency][place]`, scaled so that the transform keeps lengths.
pub(crate) static COSINES: LazyLock<[[f64; 8]; 8]> = LazyLock::new(|| {
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 {
            0.125_f64.sqrt()
        } else {
            0.5
        };
        std::array::from_fn(|place| scale * cosine(frequency * (2 * place + 1)))
    })
});

/// Returns the cosine of this many eighths of a right angle.
fn cosine(eighths: usize) -> f64 {
    match eighths % 32 {
        first @ 0..=8 => EIGHTHS[first],
        second @ 9..=16 => -EIGHTHS[16 - second],
        third @ 17..=24 => -EIGHTHS[third - 16],
        fourth => EIGHTHS[32 - fourth],
    }
}

/// Computes the quantized cosine transform of a block of levels.
fn transform(level: impl Fn(usize, usize) -> f64, quantization: &Block) -> Block {
    let levels: [f64; 64] = std::array::from_fn(|place| level(place % 8, place / 8) - 128.0);
    std::array::from_fn(|place| {
        let (across, down) = (&COSINES[place % 8], &COSINES[place / 8]);
        let sum: f64 = (0..64)
            .map(|at| levels[at] * across[at % 8] * down[at / 8])
            .sum();
        (sum / f64::from(quantization[place])).round() as i32
    })
}
