//! The tile on AMX: 32 rows × 32 columns in four tile registers, two more for each side.
//!
//! The instructions are not stable in Rust, so they are inline assembly. Tile registers keep no
//! data between assembly blocks; only their configuration stays, as long as a [`ConfiguredTiles`]
//! lives.
#![expect(
    unsafe_code,
    reason = "the tile reads and writes through pointers, with instructions that need a set-up"
)]

mod gather;
mod permission;
mod product;
mod registers;

use std::{cell::Cell, marker::PhantomData};

use half::bf16;

use super::super::{microkernel::Tile, scratch::with_scratch};
use gather::{GATHERED, Gathered};
pub(super) use permission::is_available;
use product::{Product, Run};
pub(super) use registers::ROWS;
use registers::{REGISTER_ROWS, STEP};

/// The longest block of `k`: a panel of it takes 32 KiB.
const MAX_BLOCK: usize = 512;

/// Returns the length of a block of `k` in a sum of `inner` terms: whole steps, in blocks of about the
/// same length.
pub(super) fn block_length(inner: usize) -> usize {
    let blocks = inner.div_ceil(MAX_BLOCK).max(1);
    inner.div_ceil(blocks).next_multiple_of(STEP).max(STEP)
}

thread_local! {
    /// How many [`ConfiguredTiles`] live on this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// This thread's configured tile registers. Dropping the last one releases them, so that the system
/// has nothing to save when it switches away from an idle thread.
#[derive(Debug)]
pub(super) struct ConfiguredTiles {
    /// The configuration belongs to the thread, so this is not `Send`.
    thread: PhantomData<*const ()>,
}

impl ConfiguredTiles {
    /// Configures the registers.
    ///
    /// # Safety
    /// [`is_available`] has returned true.
    pub(super) unsafe fn new() -> Self {
        let before = DEPTH.replace(DEPTH.get() + 1);
        if before == 0 {
            // SAFETY: the caller knows that this process may use the tiles.
            unsafe { product::configure() };
        }
        Self {
            thread: PhantomData,
        }
    }

    /// Computes a tile.
    ///
    /// # Safety
    /// See [`Tile`].
    pub(super) unsafe fn multiply(&self, tile: &Tile<'_, bf16>) {
        // SAFETY: the caller upholds the contract; `self` is the configuration.
        unsafe {
            match tile.stride {
                Some(stride) => multiply_in_place(tile, stride),
                None => multiply_gathered(tile),
            }
        }
    }
}

impl Drop for ConfiguredTiles {
    fn drop(&mut self) {
        let left = DEPTH.get() - 1;
        DEPTH.set(left);
        if left == 0 {
            // SAFETY: `new` has configured the tiles of this thread, and no other guard lives.
            unsafe { product::release() };
        }
    }
}

/// Reads the left side in place, except the tail of a segment after its whole steps.
///
/// # Safety
/// See [`Tile`]; all rows are `stride` apart in each half.
unsafe fn multiply_in_place(tile: &Tile<'_, bf16>, stride: usize) {
    let mut product = Product::new(tile);
    for segment in tile.segments {
        let (steps, rest) = (segment.length / STEP, segment.length % STEP);
        let at = |row: usize| tile.rows[row].wrapping_add(segment.offset);
        // SAFETY: the rows are readable over the segment, of which the steps are a part.
        unsafe { product.add(Run::new(at(0), at(REGISTER_ROWS), stride, steps)) };
        if rest > 0 {
            let mut gathered = Gathered::default();
            // SAFETY: the rows are readable over the rest of the segment.
            let run = unsafe { gathered.fill(tile, segment.offset + steps * STEP, rest) };
            // SAFETY: `gathered` lives until the sums are stored.
            unsafe {
                product.add(run);
                product.flush();
            }
        }
    }
    // SAFETY: everything added is still readable.
    unsafe { product.flush() };
}

/// Copies the left side first, for fewer rows or rows at uneven distances.
///
/// # Safety
/// See [`Tile`].
unsafe fn multiply_gathered(tile: &Tile<'_, bf16>) {
    let mut product = Product::new(tile);
    with_scratch(gather::WIDE, |scratch| {
        for segment in tile.segments {
            for start in (0..segment.length).step_by(GATHERED) {
                let length = (segment.length - start).min(GATHERED);
                // SAFETY: the rows are readable over the segment.
                let run =
                    unsafe { gather::fill_wide(tile, segment.offset + start, length, scratch) };
                // SAFETY: `scratch` lives until the sums are stored.
                unsafe {
                    product.add(run);
                    product.flush();
                }
            }
        }
        // SAFETY: nothing is pending, except where there was no segment.
        unsafe { product.flush() };
    });
}
