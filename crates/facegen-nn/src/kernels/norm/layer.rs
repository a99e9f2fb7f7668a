//! Layer normalisation.
#![expect(
    unsafe_code,
    reason = "writes all of a result that is not zeroed first"
)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::super::{
    element::Element,
    filled::filled,
    isa::{self, Isa, Kernel},
    math::sum_lanes,
    packed::LANE,
};

/// Rows of one parallel task.
const TASK_ROWS: usize = 16;

/// Normalises every row of `input` by its own mean and biased variance, then multiplies by `weight`
/// and adds `bias`, whose length is the width of a row.
///
/// # Panics
/// Panics when the lengths do not match.
pub fn layer_norm<E: Element>(input: &[E], eps: f32, weight: &[f32], bias: &[f32]) -> Vec<E> {
    // SAFETY: every row of the result belongs to a task, which writes all of it.
    unsafe {
        filled(input.len(), |out| {
            layer_norm_with(Isa::best(), input, eps, (weight, bias), out);
        })
    }
}

fn layer_norm_with<E: Element>(
    isa: Isa,
    input: &[E],
    eps: f32,
    (weight, bias): (&[f32], &[f32]),
    out: &mut [MaybeUninit<E>],
) {
    let width = weight.len();
    assert_eq!(bias.len(), width, "bias of the layer norm");
    assert!(
        width > 0 && out.len().is_multiple_of(width),
        "rows of the layer norm"
    );
    assert_eq!(input.len(), out.len(), "input of the layer norm");
    let tasks = out
        .par_chunks_mut(TASK_ROWS * width)
        .zip(input.par_chunks(TASK_ROWS * width));
    tasks.for_each(|(out, input)| {
        isa::run(
            isa,
            LayerNorm {
                input,
                eps,
                weight,
                bias,
                out,
            },
        )
    });
}

struct LayerNorm<'a, E> {
    input: &'a [E],
    eps: f32,
    weight: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [MaybeUninit<E>],
}

impl<E: Element> Kernel for LayerNorm<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.weight.len();
        for (out, input) in self
            .out
            .chunks_exact_mut(width)
            .zip(self.input.chunks_exact(width))
        {
            let mean = sum(input, |value| value) / width as f32;
            let squares = sum(input, |value| (value - mean) * (value - mean));
            let scale = 1.0 / (squares / width as f32 + self.eps).sqrt();
            let affine = self.weight.iter().zip(self.bias);
            for ((out, value), (weight, bias)) in out.iter_mut().zip(input).zip(affine) {
                out.write(E::narrow(
                    ((value.widen() - mean) * scale).mul_add(*weight, *bias),
                ));
            }
        }
    }
}

/// Sums `term` over a row, in 16 partial sums.
#[inline(always)]
fn sum<E: Element>(row: &[E], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANE];
    let (lanes, rest) = row.as_chunks::<LANE>();
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += term(value.widen());
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(value.widen());
    }
    sum_lanes(sums)
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::testing::{assert_close, bits, random, same_everywhere, unwritten},
        *,
    };

    #[test]
    fn agrees_with_exact_statistics() {
        for (rows, width) in [(1, 1), (3, 7), (40, 77), (33, 320), (2, 1280), (5, 5120)] {
            let (input, weight, bias) =
                (random(rows * width, 1), random(width, 2), random(width, 3));
            let actual = same_everywhere(|isa| {
                let mut out = vec![f32::NAN; input.len()];
                layer_norm_with(isa, &input, 1e-5, (&weight, &bias), unwritten(&mut out));
                out
            });
            let mut expected = Vec::new();
            for row in input.chunks(width) {
                let mean = row.iter().map(|value| f64::from(*value)).sum::<f64>() / width as f64;
                let squares = row
                    .iter()
                    .map(|value| (f64::from(*value) - mean).powi(2))
                    .sum::<f64>();
                let scale = 1.0 / (squares / width as f64 + 1e-5).sqrt();
                let affine = weight.iter().zip(&bias);
                let normal = row.iter().map(|value| (f64::from(*value) - mean) * scale);
                expected.extend(normal.zip(affine).map(|(normal, (weight, bias))| {
                    normal * f64::from(*weight) + f64::from(*bias)
                }));
            }
            assert_close(&actual, &expected, 4e-6);
        }
    }

    #[test]
    fn rows_do_not_depend_on_each_other() {
        let (input, weight, bias) = (random(100 * 40, 1), random(40, 2), random(40, 3));
        let all = layer_norm(&input, 1e-5, &weight, &bias);
        let alone = layer_norm(&input[57 * 40..58 * 40], 1e-5, &weight, &bias);
        assert_eq!(bits(&alone), bits(&all[57 * 40..58 * 40]));
    }
}
