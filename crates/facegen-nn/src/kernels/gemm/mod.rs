//! The matrix product `out[m][n] = epilogue(left[m][k] · right[k][n])`, blocked for the caches.
//!
//! - rows are split into blocks whose part of the left side stays in the second-level cache for one
//!   block of `k`; where that makes too few tasks for the threads, the panels of the right side are
//!   split too
//! - inside a block, a panel's block of `k` is read from far away once and then serves every tile of
//!   rows; `by_depth` keeps the sums in the output, `by_panel` those of one panel in a buffer
//! - each block of `k` of f32 is a chain of multiply-adds of its own; their sums are added up in order
#![expect(
    unsafe_code,
    reason = "blocks write disjoint rows of the output, and together all of it"
)]

mod block;
mod by_depth;
mod by_panel;
mod compute;
mod finish;
mod output;

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    element::Element,
    epilogue::Epilogue,
    filled::filled,
    packed::{PANEL, PackedMatrix},
};
pub(super) use block::{Block, LeftSide};
pub(super) use compute::compute_block;
pub(super) use output::SharedOutput;

/// Tasks per thread where the shape allows, so that no thread waits long for the last one.
const TASKS_PER_THREAD: usize = 4;
/// Multiply-adds that justify a task.
const MIN_TASK_WORK: usize = 1 << 18;

/// Computes `epilogue(input[m][k] · rhs)`, which is `[m][n]`; m follows from the length of `input`.
///
/// # Panics
/// Panics when `input` or an operand of the epilogue has the wrong length.
pub fn gemm<E: Element>(input: &[E], rhs: &PackedMatrix<E>, epilogue: &Epilogue<'_, E>) -> Vec<E> {
    let rows = input.len().checked_div(rhs.inner()).unwrap_or(0);
    // SAFETY: every element of the product is the end of some sum.
    unsafe {
        filled(rows * rhs.columns(), |out| {
            gemm_with(E::best(), input, rhs, epilogue, out);
        })
    }
}

pub(super) fn gemm_with<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    rhs: &PackedMatrix<E>,
    epilogue: &Epilogue<'_, E>,
    out: &mut [MaybeUninit<E>],
) {
    let output = SharedOutput::new(out, rhs.columns());
    multiply(kernel, input, rhs, epilogue, &output);
}

/// Computes the gated GELU of diffusers' `GEGLU` over `input[m][k] · rhs + bias`, whose columns are
/// first those that are gated and then their gates: `[m][n / 2]`.
///
/// # Panics
/// Panics when a length is wrong, or [`gates_alone`] is false.
pub fn gemm_geglu<E: Element>(input: &[E], rhs: &PackedMatrix<E>, bias: Option<&[f32]>) -> Vec<E> {
    let rows = input.len().checked_div(rhs.inner()).unwrap_or(0);
    // SAFETY: every element of the result is the product of two sums.
    unsafe {
        filled(rows * rhs.columns() / 2, |out| {
            geglu_with(E::best(), input, rhs, bias, out);
        })
    }
}

/// Returns whether gates have panels of their own, as [`gemm_geglu`] takes them.
pub fn gates_alone<E: Element>(rhs: &PackedMatrix<E>) -> bool {
    rhs.columns().is_multiple_of(2 * PANEL)
}

fn geglu_with<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    rhs: &PackedMatrix<E>,
    bias: Option<&[f32]>,
    out: &mut [MaybeUninit<E>],
) {
    let output = SharedOutput::new(out, rhs.columns() / 2);
    let epilogue = Epilogue {
        bias,
        ..Epilogue::default()
    };
    multiply(kernel, input, rhs, &epilogue, &output);
}

/// Computes all rows of a product, gated where the output is half as wide.
fn multiply<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    rhs: &PackedMatrix<E>,
    epilogue: &Epilogue<'_, E>,
    output: &SharedOutput<'_, E>,
) {
    let (inner, rows) = (rhs.inner(), output.rows());
    assert_eq!(output.len(), rows * output.width(), "output of gemm");
    assert_eq!(input.len(), rows * inner, "input of gemm");
    epilogue.check(rows, rhs.columns());
    let left = LeftSide {
        data: input,
        segments: &[0],
        segment_length: inner,
    };
    let tiles = rows.div_ceil(E::tile_rows(kernel));
    let fitting = E::MAX_BLOCK / 2 / inner.max(1);
    let most = fitting.clamp(E::MAX_BLOCK_ROWS, 4 * E::MAX_BLOCK_ROWS);
    let block_count = match rows.div_ceil(most) {
        0 | 1 => 1,
        several => several.next_multiple_of(rayon::current_num_threads()),
    };
    let block_rows = tiles.div_ceil(block_count).max(1) * E::tile_rows(kernel);
    for_each_block(
        rows.div_ceil(block_rows),
        block_rows.min(rows),
        rhs,
        |index, groups| {
            let first_row = index * block_rows;
            let block_rows = first_row..(first_row + block_rows).min(rows);
            let row_offsets: Vec<usize> = block_rows.map(|row| row * inner).collect();
            let block = Block {
                kernel,
                left,
                row_offsets: &row_offsets,
                first_row,
                rhs,
                epilogue,
                output,
                gated: output.width() < rhs.columns(),
            };
            // SAFETY: no two blocks have the same rows.
            unsafe { compute_block(&block, groups) };
        },
    );
}

/// Calls `compute(index, groups)` in parallel for every block of about `block_rows` rows, which is
/// to split its panels into `groups` parallel tasks.
pub(super) fn for_each_block<E: Element>(
    blocks: usize,
    block_rows: usize,
    rhs: &PackedMatrix<E>,
    compute: impl Fn(usize, usize) + Sync,
) {
    let groups = group_count(blocks, block_rows, rhs);
    if blocks <= 1 {
        (0..blocks).for_each(|index| compute(index, groups));
    } else {
        let tasks = (0..blocks).into_par_iter().with_max_len(1);
        tasks.for_each(|index| compute(index, groups));
    }
}

/// Returns how many tasks a block's panels are split into: one when there are enough blocks to keep
/// the threads busy.
fn group_count<E: Element>(blocks: usize, block_rows: usize, rhs: &PackedMatrix<E>) -> usize {
    let wanted = (rayon::current_num_threads() * TASKS_PER_THREAD).div_ceil(blocks.max(1));
    let block_work = block_rows * rhs.inner() * rhs.columns();
    wanted
        .min(block_work / MIN_TASK_WORK)
        .min(rhs.layout().panels())
        .max(1)
}

#[cfg(test)]
mod tests;
