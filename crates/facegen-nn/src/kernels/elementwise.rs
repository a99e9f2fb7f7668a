//! Element by element: activations, the gated GELU of diffusers' feed-forward, addition.

use rayon::prelude::*;

use super::{
    epilogue::Activation,
    isa::{self, Isa, Kernel},
    math,
};

/// Elements of one parallel task: enough to be worth a task, few enough for the second-level cache.
const CHUNK: usize = 16 * 1024;

/// Replaces every x by x · sigmoid(x).
pub fn silu(values: &mut [f32]) {
    activate(Isa::best(), Activation::Silu, values);
}

/// Replaces every x by its exact GELU: torch's `gelu` with `approximate="none"`.
pub fn gelu_erf(values: &mut [f32]) {
    activate(Isa::best(), Activation::GeluErf, values);
}

/// Replaces every x by x · sigmoid(1.702 x).
pub fn quick_gelu(values: &mut [f32]) {
    activate(Isa::best(), Activation::QuickGelu, values);
}

/// The gated GELU of diffusers' `GEGLU`: of every input row of 2 × `width`, the first half times
/// the exact GELU of the second; `out` has rows of `width`.
///
/// # Panics
/// Where `input` is not twice as long as `out`, or `out` does not consist of whole rows.
pub fn geglu(input: &[f32], width: usize, out: &mut [f32]) {
    geglu_with(Isa::best(), input, width, out);
}

/// Adds `other` to `values`.
///
/// # Panics
/// Where the lengths differ.
pub fn add(values: &mut [f32], other: &[f32]) {
    assert_eq!(values.len(), other.len(), "operands of add");
    let isa = Isa::best();
    let chunks = values.par_chunks_mut(CHUNK).zip(other.par_chunks(CHUNK));
    chunks.for_each(|(values, other)| isa::run(isa, Add { values, other }));
}

fn activate(isa: Isa, activation: Activation, values: &mut [f32]) {
    let chunks = values.par_chunks_mut(CHUNK);
    chunks.for_each(|values| isa::run(isa, Activate { activation, values }));
}

fn geglu_with(isa: Isa, input: &[f32], width: usize, out: &mut [f32]) {
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

struct Add<'a> {
    values: &'a mut [f32],
    other: &'a [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (value, other) in self.values.iter_mut().zip(self.other) {
            *value += other;
        }
    }
}

struct Geglu<'a> {
    input: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Geglu<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.out.chunks_exact_mut(self.width);
        for (out, input) in rows.zip(self.input.chunks_exact(2 * self.width)) {
            let (hidden, gate) = input.split_at(self.width);
            for ((out, hidden), gate) in out.iter_mut().zip(hidden).zip(gate) {
                *out = hidden * math::gelu_erf(*gate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{bits, random, same_everywhere},
        *,
    };

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
                activate(isa, activation, &mut values);
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
                geglu_with(isa, &input, width, &mut out);
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

    #[test]
    fn add_adds() {
        let (mut values, other) = (random(CHUNK + 3, 1), random(CHUNK + 3, 2));
        let expected: Vec<f32> = values
            .iter()
            .zip(&other)
            .map(|(left, right)| left + right)
            .collect();
        add(&mut values, &other);
        assert_eq!(bits(&values), bits(&expected));
    }
}
