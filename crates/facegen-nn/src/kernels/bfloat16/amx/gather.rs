//! Copies of a few rows in the shape of tile registers, padded with zeros.
#![expect(unsafe_code, reason = "reads rows through pointers")]

use half::bf16;

use super::{
    super::super::microkernel::Tile,
    product::Run,
    registers::{REGISTER_ROWS, ROWS, STEP},
};

/// Elements of `k` that are copied at once.
pub(super) const GATHERED: usize = 512;
/// Distance between copied rows: off the powers of two, so that rows do not compete for one cache
/// set.
const STRIDE: usize = GATHERED + STEP;
/// Elements of a wide copy.
pub(super) const WIDE: usize = ROWS * STRIDE;

/// One step of 32 rows.
#[repr(align(64))]
pub(super) struct Gathered([bf16; ROWS * STEP]);

impl Default for Gathered {
    fn default() -> Self {
        Self([bf16::ZERO; ROWS * STEP])
    }
}

impl Gathered {
    /// Copies fewer elements than a step.
    ///
    /// # Safety
    /// The rows of `tile` are readable over `offset .. offset + length`.
    pub(super) unsafe fn fill(
        &mut self,
        tile: &Tile<'_, bf16>,
        offset: usize,
        length: usize,
    ) -> Run {
        // SAFETY: the caller upholds the contract.
        unsafe { fill(tile, offset, length, STEP, &mut self.0) }
    }
}

/// Copies up to [`GATHERED`] elements of each row into scratch memory of [`WIDE`] elements.
///
/// # Safety
/// The rows of `tile` are readable over `offset .. offset + length`.
pub(super) unsafe fn fill_wide(
    tile: &Tile<'_, bf16>,
    offset: usize,
    length: usize,
    scratch: &mut [bf16],
) -> Run {
    // SAFETY: the caller upholds the contract.
    unsafe { fill(tile, offset, length, STRIDE, scratch) }
}

/// # Safety
/// See [`fill_wide`].
unsafe fn fill(
    tile: &Tile<'_, bf16>,
    offset: usize,
    length: usize,
    stride: usize,
    into: &mut [bf16],
) -> Run {
    let padded = length.next_multiple_of(STEP);
    for (row, copy) in into.chunks_exact_mut(stride).enumerate().take(ROWS) {
        let filled = if row < tile.row_count {
            // SAFETY: the row is readable over these elements, and nothing writes them.
            let source = unsafe { std::slice::from_raw_parts(tile.rows[row].add(offset), length) };
            copy[..length].copy_from_slice(source);
            length
        } else {
            0
        };
        copy[filled..padded].fill(bf16::ZERO);
    }
    Run::new(
        into.as_ptr(),
        into[REGISTER_ROWS * stride..].as_ptr(),
        stride * size_of::<bf16>(),
        padded / STEP,
    )
}
