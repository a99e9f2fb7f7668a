//! The gated GELU of diffusers' feed-forward.
#![expect(
    unsafe_code,
    reason = "writes all of a result that is not zeroed first"
)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    element::Element,
    filled::filled,
    isa::{self, Isa, Kernel},
    math,
};

/// Elements of one parallel task: enough to be worth it, few enough for the second-level cache.
const CHUNK: usize = 16 * 1024;

/// Computes the gated GELU of diffusers' `GEGLU`: of every input row of 2 × `width`, the first half
/// times the exact GELU of the second; the result has rows of `width`.
///
/// # Panics
/// Panics when `input` does not consist of whole rows.
pub fn geglu<E: Element>(input: &[E], width: usize) -> Vec<E> {
    // SAFETY: every row of the result belongs to a chunk, which writes all of it.
    unsafe {
        filled(input.len() / 2, |out| {
            geglu_with(Isa::best(), input, width, out);
        })
    }
}

fn geglu_with<E: Element>(isa: Isa, input: &[E], width: usize, out: &mut [MaybeUninit<E>]) {
    assert_eq!(input.len(), 2 * out.len(), "input of geglu");
    assert!(
        width > 0 && out.len().is_multiple_of(width),
        "rows of geglu"
    );
    let rows = (CHUNK / width).max(1);
    let chunks = out
        .par_chunks_mut(rows * width)
        .zip(input.par_chunks(rows * 2 * width));
    chunks.for_each(|(out, input)| isa::run(isa, Geglu { input, width, out }));
}

struct Geglu<'a, E> {
    input: &'a [E],
    width: usize,
    out: &'a mut [MaybeUninit<E>],
}

impl<E: Element> Kernel for Geglu<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.out.chunks_exact_mut(self.width);
        for (out, input) in rows.zip(self.input.chunks_exact(2 * self.width)) {
            let (hidden, gate) = input.split_at(self.width);
            for ((out, hidden), gate) in out.iter_mut().zip(hidden).zip(gate) {
                out.write(E::narrow(hidden.widen() * math::gelu_erf(gate.widen())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            epilogue::Activation,
            testing::{bits, random, same_everywhere, unwritten},
        },
        *,
    };

    struct Activate<'a> {
        activation: Activation,
        values: &'a mut [f32],
    }

    impl Kernel for Activate<'_> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            self.activation.apply(self.values);
        }
    }

    #[test]
    fn activations_are_the_scalar_functions_everywhere() {
        let values = random(3 * CHUNK + 5, 1);
        let functions = [
            (Activation::Silu, math::silu as fn(f32) -> f32),
            (Activation::GeluErf, math::gelu_erf),
            (Activation::QuickGelu, math::quick_gelu),
        ];
        for (activation, function) in functions {
            let actual = same_everywhere(|isa| {
                let mut values = values.clone();
                isa::run(
                    isa,
                    Activate {
                        activation,
                        values: &mut values,
                    },
                );
                values
            });
            let expected: Vec<f32> = values.iter().copied().map(function).collect();
            assert_eq!(bits(&actual), bits(&expected), "{activation:?}");
        }
    }

    #[test]
    fn geglu_gates_the_first_half_with_the_second() {
        for (rows, width) in [(1, 3), (700, 77), (2, 20_000)] {
            let input = random(rows * 2 * width, 1);
            let actual = same_everywhere(|isa| {
                let mut out = vec![f32::NAN; rows * width];
                geglu_with(isa, &input, width, unwritten(&mut out));
                out
            });
            for (index, actual) in actual.iter().enumerate() {
                let (row, column) = (index / width, index % width);
                let (hidden, gate) = (
                    input[row * 2 * width + column],
                    input[(row * 2 + 1) * width + column],
                );
                assert_eq!(*actual, hidden * math::gelu_erf(gate));
            }
        }
    }
}
