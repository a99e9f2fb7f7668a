//! The reference results of the kernels of bf16.

use half::bf16;

use super::{
    super::{bfloat16::HalfKernel, element::Element},
    random, sum_of_chains, with_threads,
};

/// Calls `check` with every kernel that this machine has, and prints which it has not.
pub(in super::super) fn each_half_kernel(check: impl Fn(HalfKernel)) {
    let names: Vec<_> = HalfKernel::available().map(HalfKernel::name).collect();
    for name in ["amx-bf16", "avx512-bf16"] {
        if !names.contains(&name) {
            println!("skipped: this machine has no {name}");
        }
    }
    HalfKernel::available().for_each(check);
}

/// Rounds the values of [`random`].
pub(in super::super) fn random_half(length: usize, seed: u64) -> Vec<bf16> {
    random(length, seed).into_iter().map(bf16::narrow).collect()
}

/// Returns the bytes of a result.
pub(in super::super) fn half_bits(values: &[bf16]) -> Vec<u16> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Sums products in the order of a kernel: `segments` are the contiguous runs of the left side.
pub(in super::super) fn sum_of_half(
    kernel: HalfKernel,
    segments: &[Vec<(bf16, bf16)>],
    start: Option<f32>,
) -> f32 {
    let wide = |segment: &Vec<(bf16, bf16)>| -> Vec<(f32, f32)> {
        let terms = segment.iter();
        terms.map(|(l, r)| (l.widen(), r.widen())).collect()
    };
    let segments: Vec<_> = segments.iter().map(wide).collect();
    match kernel.name() {
        "amx-bf16" => segments
            .iter()
            .flat_map(|segment| segment.chunks(32))
            .fold(start.unwrap_or(0.0), |sum, step| sum + sum_of_step(step)),
        "avx512-bf16" => {
            let pairs = segments.iter().flat_map(|segment| segment.chunks(2));
            start.unwrap_or(0.0) + pairs.fold(0.0, add_pair)
        }
        _ => {
            let terms: Vec<_> = segments.concat();
            // Chains are added one after the other, to the previous sum.
            match start {
                None => sum_of_chains(terms.iter().map(|(l, r)| (*l, *r))),
                Some(start) => super::add_chains(start, terms.iter().map(|(l, r)| (*l, *r))),
            }
        }
    }
}

/// Adds the even and the odd terms in a chain each, then both.
fn sum_of_step(step: &[(f32, f32)]) -> f32 {
    let chain = |first: usize| {
        let terms = step.iter().skip(first).step_by(2);
        terms.fold(0.0f32, |sum, (left, right)| left.mul_add(*right, sum))
    };
    chain(0) + chain(1)
}

/// Adds the odd term first.
fn add_pair(sum: f32, pair: &[(f32, f32)]) -> f32 {
    let terms = pair.iter().rev();
    terms.fold(sum, |sum, (left, right)| left.mul_add(*right, sum))
}

/// Checks that `compute` has the same bytes with 1, 2 and 3 threads, and returns them.
#[track_caller]
pub(in super::super) fn same_with_any_threads(compute: impl Fn() -> Vec<bf16> + Sync) -> Vec<bf16> {
    let reference = with_threads(1, &compute);
    for threads in [2, 3] {
        let other = with_threads(threads, &compute);
        assert!(
            half_bits(&other) == half_bits(&reference),
            "{threads} threads differ"
        );
    }
    reference
}
