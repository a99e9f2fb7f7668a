//! One register tile of a product: up to 12 rows × 32 columns over one block of `k`.
//!
//! The left side is not packed. It is read through a pointer per row, and a block of `k` consists
//! of segments that are contiguous in every row: one for a linear layer, one per row of the kernel
//! for a convolution over NHWC. 12 × 32 is 24 AVX-512 accumulators, with two registers for the
//! right side and one for the broadcast left element.
//!
//! Every variant computes each element as the same chain of fused multiply-adds in ascending `k`,
//! starting from 0. With `accumulate` the finished chain is added to `out`: chains are as short as
//! blocks of `k`, which keeps rounding errors small.
//!
//! Build this crate without debug assertions: they check every read through a pointer, which makes
//! it five times slower.
#![expect(
    unsafe_code,
    reason = "the tile reads and writes through pointers, and calls code compiled for a CPU feature"
)]

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::{Isa, Level};

/// Rows of a full tile.
pub(super) const TILE_ROWS: usize = 12;

/// Distance between copied rows of the left side: a chain and a cache line, so that rows do not compete
/// for one cache set.
pub(super) const COPY_STRIDE: usize = MAX_CHAIN + 16;

/// Parts of a panel's block of `k` that are fetched ahead, one by each tile.
pub(super) const AHEAD_PARTS: usize = 16;

/// A run of `k` that is contiguous in every row of the left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Distance from the row's pointer to the first element.
    pub(super) offset: usize,
    /// Number of elements.
    pub(super) length: usize,
}

/// The operands of one tile, 12 rows of f32 or as many of bf16 as its kernel takes.
///
/// The caller promises that
/// - every pointer of `rows` is readable over every segment
/// - `panel` is readable for `lanes` × 16 elements for every element of the segments, for bf16 with
///   each segment padded to a multiple of 32
/// - `out` is writable for `row_count` rows of `lanes` × 16 floats, for bf16 for all rows of a
///   tile, `out_stride` apart; nothing else reads or writes them meanwhile, and they are
///   initialised where `accumulate` is set
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a, E> {
    /// Where each row of the left side starts, for all rows of a tile; the last row is repeated
    /// beyond `row_count`.
    pub(super) rows: &'a [*const E],
    /// Distance between neighbouring rows in bytes, where it is the same in every 16 of them and no
    /// row is repeated.
    pub(super) stride: Option<usize>,
    /// Rows that are stored, at least 1.
    pub(super) row_count: usize,
    /// The block of `k`, in ascending order.
    pub(super) segments: &'a [Segment],
    /// The right side for that block of `k`: `[k][lanes][16]`, for bf16 `[k / 2][lanes][16][2]`.
    pub(super) panel: *const E,
    /// 1 or 2.
    pub(super) lanes: usize,
    /// The first element of the result.
    pub(super) out: *mut f32,
    /// Distance between the rows of the result.
    pub(super) out_stride: usize,
    /// Whether to add to the sums in `out` instead of replacing them.
    pub(super) accumulate: bool,
    /// What a later tile reads: it may be fetched into the second-level cache meanwhile, one part of
    /// `Element::AHEAD_PARTS` of as much as this tile's panel. Only a hint: nothing depends on it.
    pub(super) ahead: *const E,
    /// Whether the left side is too large for the first-level cache and should leave it to the panel.
    /// Only a hint, too.
    pub(super) far: bool,
}

/// Rows that a kernel may read together, if they are at even distances.
pub(super) const EVEN_ROWS: usize = 16;

/// Returns the distance between neighbouring rows in bytes, if it is the same in every 16 of them.
pub(super) fn even_stride<E>(rows: &[*const E]) -> Option<usize> {
    let distance = |pair: &[*const E]| pair[1].addr().wrapping_sub(pair[0].addr());
    let parts = rows.chunks(EVEN_ROWS);
    let mut distances = parts.flat_map(|rows| rows.windows(2)).map(distance);
    let first = distances.next()?;
    distances.all(|other| other == first).then_some(first)
}

/// The longest chain of multiply-adds: that many rows of a panel take 32 KiB. Rounding errors grow
/// with its length rather than with that of the whole sum.
const MAX_CHAIN: usize = 256;

/// Returns the length of the chains in a sum of `inner` terms, of which the last may be shorter: it
/// depends on the length of the sum alone, and so do the bytes of the result.
pub(super) fn chain_length(inner: usize) -> usize {
    inner.div_ceil(inner.div_ceil(MAX_CHAIN).max(1)).max(1)
}

/// Computes a tile of f32.
///
/// # Safety
/// See [`Tile`].
#[inline]
pub(super) unsafe fn multiply(isa: Isa, tile: &Tile<'_, f32>) {
    debug_assert!((1..=TILE_ROWS).contains(&tile.row_count));
    debug_assert!(tile.lanes == 1 || tile.lanes == 2);
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the features are there (see `Isa`), and the caller upholds the contract.
        Level::Avx512 => unsafe { x86::compute_avx512(tile) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { x86::compute_avx2(tile) },
        // SAFETY: the caller upholds the contract.
        Level::Portable => unsafe { portable::compute(tile) },
    }
}

#[cfg(test)]
mod tests;
