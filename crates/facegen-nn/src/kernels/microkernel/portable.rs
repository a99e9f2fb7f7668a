//! The tile in plain Rust: the reference for the others, and the one that runs on AArch64.
#![expect(unsafe_code, reason = "the tile reads and writes through pointers")]

use super::{
    super::packed::LANE,
    {TILE_ROWS, Tile},
};

/// Rows computed together: 4 rows of 16 fill half of AArch64's vector registers.
const ROWS: usize = 4;
const _: () = assert!(TILE_ROWS.is_multiple_of(ROWS));

/// # Safety
/// See [`Tile`].
pub(super) unsafe fn compute(tile: &Tile<'_, f32>) {
    for first_row in (0..tile.row_count).step_by(ROWS) {
        for lane in 0..tile.lanes {
            // SAFETY: the same contract, for a part of the tile.
            unsafe { compute_part(tile, first_row, lane) };
        }
    }
}

/// # Safety
/// See [`Tile`]; `first_row` < `row_count`, `lane` < `lanes`.
#[inline(always)]
unsafe fn compute_part(tile: &Tile<'_, f32>, first_row: usize, lane: usize) {
    let stored = (tile.row_count - first_row).min(ROWS);
    // SAFETY: the stored rows are inside the result that the caller vouches for.
    let out = |row: usize| unsafe {
        tile.out
            .add((first_row + row) * tile.out_stride + lane * LANE)
            .cast::<[f32; LANE]>()
    };
    let mut sums = [[0.0; LANE]; ROWS];
    // SAFETY: the lane is inside the panel.
    let mut panel = unsafe { tile.panel.add(lane * LANE) };
    for segment in tile.segments {
        for k in segment.offset..segment.offset + segment.length {
            // SAFETY: the panel holds this lane for every `k`.
            let right = unsafe { *panel.cast::<[f32; LANE]>() };
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: every row pointer, including repeated ones, is readable over the segment.
                let left = unsafe { *tile.rows[first_row + row].add(k) };
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
            panel = panel.wrapping_add(tile.lanes * LANE);
        }
    }
    for (row, sums) in sums.iter_mut().enumerate().take(stored) {
        if tile.accumulate {
            // SAFETY: initialised, since `accumulate` is set; an array of floats needs no alignment
            // beyond theirs.
            let before = unsafe { *out(row) };
            for (sum, before) in sums.iter_mut().zip(before) {
                *sum += before;
            }
        }
        // SAFETY: a stored row, inside the result.
        unsafe { *out(row) = *sums };
    }
}
