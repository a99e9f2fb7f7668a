//! The inverse cosine transform, in integer arithmetic as in the reference
//! reader, so that levels are equal.

use std::num::Wrapping;

/// The zigzag order of the coefficients of a block. Damaged files can exceed
/// it, so the last entry is repeated.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 80] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

/// Coefficients of a block, in rows.
pub(super) type Block = [i16; 64];

/// Fractional bits of a constant.
const POINT: usize = 13;
/// Fractional bits after the first pass.
const BETWEEN: usize = 2;

/// Values of a damaged file can overflow; those of a valid one cannot.
type Number = Wrapping<i32>;

/// Writes the samples of a block into eight rows of `target`, which are
/// `stride` apart.
pub(super) fn write_samples(
    block: &Block,
    quantization: &[u16; 64],
    target: &mut [u8],
    stride: usize,
) {
    if block[1..].iter().all(|coefficient| *coefficient == 0) {
        let only = i32::from(block[0]) * i32::from(quantization[0]);
        let level = level(Wrapping(only << BETWEEN), BETWEEN + 3);
        for row in target.chunks_mut(stride).take(8) {
            row[..8].fill(level);
        }
        return;
    }
    let mut middle = [Wrapping(0); 64];
    for column in 0..8 {
        let values = std::array::from_fn(|row| {
            let place = row * 8 + column;
            Wrapping(i32::from(block[place]) * i32::from(quantization[place]))
        });
        let turned = transform(values);
        for (row, value) in turned.into_iter().enumerate() {
            middle[row * 8 + column] = rounded(value, POINT - BETWEEN);
        }
    }
    let (rows, _) = middle.as_chunks::<8>();
    for (values, row) in rows.iter().zip(target.chunks_mut(stride)) {
        for (value, sample) in transform(*values).into_iter().zip(row) {
            *sample = level(value, POINT + BETWEEN + 3);
        }
    }
}

fn rounded(value: Number, bits: usize) -> Number {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

fn level(value: Number, bits: usize) -> u8 {
    (rounded(value, bits).0.saturating_add(128)).clamp(0, 255) as u8
}

/// Converts a constant to fixed point.
const fn fixed(value: f64) -> Number {
    Wrapping((value * (1 << POINT) as f64 + 0.5) as i32)
}

/// Transforms one dimension, by the algorithm of Loeffler, Ligtenberg and
/// Moschytz.
fn transform([a, b, c, d, e, f, g, h]: [Number; 8]) -> [Number; 8] {
    // Even part.
    let turned = (c + g) * const { fixed(0.541_196_100) };
    let (low, high) = (
        turned - g * const { fixed(1.847_759_065) },
        turned + c * const { fixed(0.765_366_865) },
    );
    let (sum, difference) = ((a + e) << POINT, (a - e) << POINT);
    let even = [sum + high, difference + low, difference - low, sum - high];
    // Odd part.
    let (hb, fd, hd, fb) = (h + b, f + d, h + d, f + b);
    let all = (hd + fb) * const { fixed(1.175_875_602) };
    let hb = -hb * const { fixed(0.899_976_223) };
    let fd = -fd * const { fixed(2.562_915_447) };
    let hd = all - hd * const { fixed(1.961_570_560) };
    let fb = all - fb * const { fixed(0.390_180_644) };
    let odd = [
        b * const { fixed(1.501_321_110) } + hb + fb,
        d * const { fixed(3.072_711_026) } + fd + hd,
        f * const { fixed(2.053_119_869) } + fd + fb,
        h * const { fixed(0.298_631_336) } + hb + hd,
    ];
    let first = |at: usize| even[at] + odd[at];
    let last = |at: usize| even[at] - odd[at];
    [
        first(0),
        first(1),
        first(2),
        first(3),
        last(3),
        last(2),
        last(1),
        last(0),
    ]
}
