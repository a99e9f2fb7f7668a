//! Shared code of the kernels' tests: reproducible data, comparison, thread pools.
#![expect(
    unsafe_code,
    reason = "lends initialised memory as memory that may not be"
)]

mod guarded;
mod half_sums;

use std::{borrow::Borrow, mem::MaybeUninit};

pub(super) use guarded::Guarded;
pub(super) use half_sums::{
    each_half_kernel, half_bits, random_half, same_with_any_threads, sum_of_half,
};

/// Returns `length` values, roughly normal with standard deviation 1, that depend on `seed` alone.
pub(super) fn random(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut normal = || 2.0 * (uniform() + uniform() + uniform());
    (0..length).map(|_| normal()).collect()
}

/// Returns a result as kernels take it. Its earlier values show up where they leave elements out.
pub(super) fn unwritten<E>(out: &mut [E]) -> &mut [MaybeUninit<E>] {
    // SAFETY: the same memory; kernels write initialised values only.
    unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr().cast(), out.len()) }
}

/// Returns the bytes of a result, for comparisons that see signed zeros and NaN.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Sums products like the kernels: a chain of multiply-adds for each block of `k`, and the chains
/// added in order.
pub(super) fn sum_of_chains<L, R>(terms: impl ExactSizeIterator<Item = (L, R)>) -> f32
where
    L: Borrow<f32>,
    R: Borrow<f32>,
{
    let chains = chains(terms).into_iter();
    chains.reduce(|total, chain| total + chain).unwrap_or(0.0)
}

/// Does the same, starting from an earlier sum.
pub(super) fn add_chains<L, R>(start: f32, terms: impl ExactSizeIterator<Item = (L, R)>) -> f32
where
    L: Borrow<f32>,
    R: Borrow<f32>,
{
    let chains = chains(terms).into_iter();
    chains.fold(start, |total, chain| total + chain)
}

fn chains<L, R>(terms: impl ExactSizeIterator<Item = (L, R)>) -> Vec<f32>
where
    L: Borrow<f32>,
    R: Borrow<f32>,
{
    let step = super::microkernel::chain_length(terms.len());
    let mut chains = Vec::new();
    for (k, (left, right)) in terms.enumerate() {
        if k.is_multiple_of(step) {
            chains.push(0.0);
        }
        if let Some(chain) = chains.last_mut() {
            *chain = left.borrow().mul_add(*right.borrow(), *chain);
        }
    }
    chains
}

/// Fails when an element differs from the expected one by more than `tolerance`.
#[track_caller]
pub(super) fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(*actual) - expected).abs();
        assert!(
            error <= tolerance,
            "element {index}: {actual} is not {expected} (error {error:e})"
        );
    }
}

/// Runs `work` in its own pool of `threads`.
pub(super) fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(work)
}

/// Checks that `compute(isa)` has the same bytes with every instruction set and with 1, 2 and 3
/// threads, and returns them.
#[track_caller]
pub(super) fn same_everywhere(compute: impl Fn(super::isa::Isa) -> Vec<f32> + Sync) -> Vec<f32> {
    let reference = with_threads(1, || compute(super::isa::Isa::best()));
    for isa in super::isa::Isa::available() {
        for threads in [1, 2, 3] {
            let other = with_threads(threads, || compute(isa));
            assert!(
                bits(&other) == bits(&reference),
                "{isa:?} with {threads} threads differs"
            );
        }
    }
    reference
}
