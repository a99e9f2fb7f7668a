//! Layer normalisation.

use rayon::prelude::*;

use super::super::{
    isa::{self, Isa, Kernel},
    math::sum_lanes,
    packed::LANE,
};

/// Rows of one parallel task.
const TASK_ROWS: usize = 16;

/// Normalises every row of `input` by its own mean and biased variance, then multiplies by `weight` and adds `bias`,
/// whose length is the width of a row.
///
/// # Panics
/// Where the lengths do not fit together.
pub fn layer_norm(input: &[f32], eps: f32, weight: &[f32], bias: &[f32], out: &mut [f32]) {
    layer_norm_with(Isa::best(), input, eps, (weight, bias), out);
}

fn layer_norm_with(isa: Isa, input: &[f32], eps: f32, (weight, bias): (&[f32], &[f32]), out: &mut [f32]) {
    let width = weight.len();
    assert_eq!(bias.len(), width, "bias of the layer norm");
    assert!(width > 0 && out.len().is_multiple_of(width), "rows of the layer norm");
    assert_eq!(input.len(), out.len(), "input of the layer norm");
    let tasks = out.par_chunks_mut(TASK_ROWS * width).zip(input.par_chunks(TASK_ROWS * width));
    tasks.for_each(|(out, input)| isa::run(isa, LayerNorm { input, eps, weight, bias, out }));
}

struct LayerNorm<'a> {
    input: &'a [f32],
    eps: f32,
    weight: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.weight.len();
        for (out, input) in self.out.chunks_exact_mut(width).zip(self.input.chunks_exact(width)) {
            let mean = sum(input, |value| value) / width as f32;
            let squares = sum(input, |value| (value - mean) * (value - mean));
            let scale = 1.0 / (squares / width as f32 + self.eps).sqrt();
            let affine = self.weight.iter().zip(self.bias);
            for ((out, value), (weight, bias)) in out.iter_mut().zip(input).zip(affine) {
                *out = ((value - mean) * scale).mul_add(*weight, *bias);
            }
        }
    }
}

/// The sum of `term` over a row, in 16 partial sums.
#[inline(always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANE];
    let (lanes, rest) = row.as_chunks::<LANE>();
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += term(*value);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(*value);
    }
    sum_lanes(sums)
}
