//! Two-dimensional convolution over NHWC images, as a matrix product without im2col.
//!
//! A task copies the input rows that its output rows need into a slab with a zero border, small
//! enough for the second-level cache. In the slab the pixels under one row of the kernel are
//! contiguous for every output pixel, so the row of a matrix product is a few segments of the slab,
//! read in place.
#![expect(
    unsafe_code,
    reason = "blocks write disjoint rows of the output, and together all of it"
)]

mod shape;
mod slab;

use std::mem::MaybeUninit;

use super::{
    element::Element,
    epilogue::Epilogue,
    filled::filled,
    gemm::{Block, LeftSide, SharedOutput, compute_block, for_each_block, gemm_with},
    packed::PackedMatrix,
    scratch::with_scratch,
};
pub use shape::ConvShape;
use slab::Slab;

/// Computes `epilogue(input ⋆ rhs)`, with `rhs` from [`PackedMatrix::from_conv`] (or
/// [`PackedMatrix::from_linear`] for a 1 × 1 kernel).
///
/// `input` is `[batch][height][width][in_channels]`, the result
/// `[batch][out_height][out_width][n]`.
///
/// # Panics
/// Panics when a slice does not fit the shape.
pub fn conv2d_nhwc<E: Element>(
    input: &[E],
    shape: &ConvShape,
    rhs: &PackedMatrix<E>,
    epilogue: &Epilogue<'_, E>,
) -> Vec<E> {
    let pixels = shape.batch * shape.out_height() * shape.out_width();
    // SAFETY: every pixel of every sample belongs to a block.
    unsafe {
        filled(pixels * rhs.columns(), |out| {
            conv2d_with(E::best(), input, shape, rhs, epilogue, out);
        })
    }
}

fn conv2d_with<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    shape: &ConvShape,
    rhs: &PackedMatrix<E>,
    epilogue: &Epilogue<'_, E>,
    out: &mut [MaybeUninit<E>],
) {
    let sample = shape.height * shape.width * shape.in_channels;
    let (out_height, out_width) = (shape.out_height(), shape.out_width());
    assert_eq!(
        input.len(),
        shape.batch * sample,
        "input of the convolution"
    );
    assert_eq!(
        rhs.inner(),
        shape.kernel * shape.kernel * shape.in_channels,
        "weight of the convolution"
    );
    assert_eq!(
        out.len(),
        shape.batch * out_height * out_width * rhs.columns(),
        "output of the convolution"
    );
    if shape.is_pointwise() {
        return gemm_with(kernel, input, rhs, epilogue, out);
    }
    epilogue.check(shape.batch * out_height * out_width, rhs.columns());
    let plan = Plan::new::<E>(kernel, shape);
    let blocks = Blocks {
        kernel,
        input,
        shape,
        rhs,
        epilogue,
        output: &SharedOutput::new(out, rhs.columns()),
        plan,
        per_sample: out_height.div_ceil(plan.rows),
    };
    for_each_block(
        (shape.batch * blocks.per_sample).div_ceil(plan.samples),
        plan.samples * plan.rows * out_width,
        rhs,
        |index, groups| blocks.compute(index, groups),
    );
}

/// A convolution split into blocks.
struct Blocks<'a, E: Element> {
    kernel: E::Kernel,
    input: &'a [E],
    shape: &'a ConvShape,
    rhs: &'a PackedMatrix<E>,
    epilogue: &'a Epilogue<'a, E>,
    output: &'a SharedOutput<'a, E>,
    plan: Plan,
    /// Blocks of one sample, where a block does not have several samples.
    per_sample: usize,
}

impl<E: Element> Blocks<'_, E> {
    /// Computes a block, its panels split into `groups` parallel tasks. Called once per block.
    fn compute(&self, index: usize, groups: usize) {
        let (shape, plan) = (self.shape, self.plan);
        let (first_sample, first) = if plan.samples > 1 {
            (index * plan.samples, 0)
        } else {
            let block = index % self.per_sample;
            (index / self.per_sample, block * plan.rows)
        };
        let samples = first_sample..(first_sample + plan.samples).min(shape.batch);
        let rows = first..(first + plan.rows).min(shape.out_height());
        let sample = shape.height * shape.width * shape.in_channels;
        let slab_length = plan.slab.length(shape, rows.len());
        with_scratch(samples.len() * slab_length, |slabs| {
            for (slab, index) in slabs.chunks_exact_mut(slab_length).zip(samples.clone()) {
                let input = &self.input[index * sample..][..sample];
                plan.slab.fill(shape, input, first * shape.stride, slab);
            }
            let row_offsets = plan.slab.row_offsets(shape, rows.len(), samples.len());
            let (segments, segment_length) = plan.slab.segments(shape, rows.len());
            let block = Block {
                kernel: self.kernel,
                left: LeftSide {
                    data: &*slabs,
                    segments: &segments,
                    segment_length,
                },
                row_offsets: &row_offsets,
                first_row: (first_sample * shape.out_height() + first) * shape.out_width(),
                rhs: self.rhs,
                epilogue: self.epilogue,
                output: self.output,
                gated: false,
            };
            // SAFETY: no two blocks have the same rows of the same sample.
            unsafe { compute_block(&block, groups) };
        });
    }
}

/// How a convolution is split into blocks.
#[derive(Debug, Clone, Copy)]
struct Plan {
    slab: Slab,
    /// Output rows of a block.
    rows: usize,
    /// Samples of a block, which then has all their rows: for small images with many channels,
    /// reading the weight takes most of the time, and a block reads it once.
    samples: usize,
}

impl Plan {
    fn new<E: Element>(kernel: E::Kernel, shape: &ConvShape) -> Self {
        let slab = Slab::new::<E>(shape);
        let rows = block_rows::<E>(kernel, shape);
        let (height, pixels) = (shape.out_height(), shape.out_height() * shape.out_width());
        let whole = slab.length(shape, height);
        let samples = if rows < height {
            1
        } else {
            (E::MAX_BLOCK_ROWS / pixels.max(1)).min(2 * E::MAX_BLOCK / whole.max(1))
        };
        Self {
            slab,
            rows,
            samples: samples.max(1),
        }
    }
}

/// Returns the output rows of one task: as many as the slab and the row limit allow, fewer where
/// that wastes less of the tiles.
fn block_rows<E: Element>(kernel: E::Kernel, shape: &ConvShape) -> usize {
    let (height, width) = (shape.out_height(), shape.out_width());
    let fits = |rows: &usize| {
        shape.slab_rows(*rows) * shape.slab_row() <= E::MAX_BLOCK
            || rows * width <= E::MAX_BLOCK_ROWS
    };
    let most = (1..=height).take_while(fits).last().unwrap_or(1);
    let tile_rows = E::tile_rows(kernel);
    let computed_per_row = |rows: usize| (rows * width).div_ceil(tile_rows) as f64 / rows as f64;
    let better = |best: usize, rows: usize| {
        if computed_per_row(rows) <= computed_per_row(best) {
            rows
        } else {
            best
        }
    };
    (most.div_ceil(2)..=most).reduce(better).unwrap_or(1)
}

#[cfg(test)]
mod tests;
