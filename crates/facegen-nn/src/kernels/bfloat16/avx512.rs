//! The tile on AVX512-BF16: 12 rows × 32 columns like that of f32, a pair of terms at a time.
#![expect(
    unsafe_code,
    reason = "the tile reads and writes through pointers, with vector instructions"
)]

use std::{
    arch::x86_64::{
        __cpuid, __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_loadu_ps,
        _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    },
    mem::transmute,
};

use half::bf16;

use super::super::{element::Element, microkernel::Tile, packed::LANE};

/// Rows of a full tile.
pub(super) const ROWS: usize = 12;

/// Returns whether the CPU has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// Returns whether they are faster than those of f32. One thread multiplies on an AMD Zen 5 at 461
/// GFLOP/s with them, twice its rate in f32; on an Intel Xeon with AMX at 120 GFLOP/s, half its
/// rate in f32. So the vendor decides.
pub(super) fn is_fast() -> bool {
    let vendor = __cpuid(0);
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"AuthenticAMD"
}

/// # Safety
/// See [`Tile`]; the CPU has AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn multiply(tile: &Tile<'_, bf16>) {
    // SAFETY: the same contract; the rows computed are at least those stored.
    unsafe {
        match (tile.row_count, tile.lanes) {
            (1, 1) => compute::<1, 1>(tile),
            (1, _) => compute::<1, 2>(tile),
            (2..=6, 1) => compute::<6, 1>(tile),
            (2..=6, _) => compute::<6, 2>(tile),
            (_, 1) => compute::<ROWS, 1>(tile),
            _ => compute::<ROWS, 2>(tile),
        }
    }
}

/// # Safety
/// See [`multiply`]; `ROWS` ≥ `row_count` and `LANES` = `lanes`.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn compute<const ROWS: usize, const LANES: usize>(tile: &Tile<'_, bf16>) {
    let mut sums: [[__m512; LANES]; ROWS] = [[_mm512_setzero_ps(); LANES]; ROWS];
    let mut panel = tile.panel;
    for segment in tile.segments {
        let rows: [*const bf16; ROWS] =
            std::array::from_fn(|row| tile.rows[row].wrapping_add(segment.offset));
        let mut pair = panel;
        for k in (0..segment.length - segment.length % 2).step_by(2) {
            // SAFETY: both elements are in the segment, over which every row is readable; the panel
            // holds `LANES` lanes for every pair of it.
            unsafe {
                add_pair(&mut sums, pair, |row| {
                    rows[row].add(k).cast::<i32>().read_unaligned()
                });
            }
            pair = pair.wrapping_add(2 * LANES * LANE);
        }
        if !segment.length.is_multiple_of(2) {
            // SAFETY: as above, for the last element, whose neighbour is a zero.
            unsafe {
                add_pair(&mut sums, pair, |row| {
                    i32::from(rows[row].add(segment.length - 1).read().to_bits())
                });
            }
        }
        let padded = segment.length.next_multiple_of(bf16::STEP);
        panel = panel.wrapping_add(padded * LANES * LANE);
    }
    // SAFETY: the caller upholds the contract.
    unsafe { store(tile, &sums) };
}

/// Adds the products of a pair of terms; `left` returns that of a row.
///
/// # Safety
/// The panel is readable for `LANES` lanes of pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn add_pair<const ROWS: usize, const LANES: usize>(
    sums: &mut [[__m512; LANES]; ROWS],
    panel: *const bf16,
    left: impl Fn(usize) -> i32,
) {
    let right: [__m512bh; LANES] = std::array::from_fn(|lane| {
        // SAFETY: the lane is inside the panel; both types are 64 bytes of any value.
        unsafe {
            transmute::<__m512i, __m512bh>(_mm512_loadu_si512(panel.add(2 * lane * LANE).cast()))
        }
    });
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: both types are 64 bytes of any value.
        let left = unsafe { transmute::<__m512i, __m512bh>(_mm512_set1_epi32(left(row))) };
        for (sum, right) in sums.iter_mut().zip(right) {
            *sum = _mm512_dpbf16_ps(*sum, left, right);
        }
    }
}

/// # Safety
/// See [`compute`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store<const LANES: usize>(tile: &Tile<'_, bf16>, sums: &[[__m512; LANES]]) {
    for (row, sums) in sums.iter().enumerate().take(tile.row_count) {
        for (lane, sum) in sums.iter().enumerate() {
            // SAFETY: a stored row, inside the result, initialised where `accumulate` is set.
            unsafe {
                let out = tile.out.add(row * tile.out_stride + lane * LANE);
                let sum = if tile.accumulate {
                    _mm512_add_ps(_mm512_loadu_ps(out), *sum)
                } else {
                    *sum
                };
                _mm512_storeu_ps(out, sum);
            };
        }
    }
}
