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

mod blocks;
mod enlarged;
mod shape;
mod slab;

use std::mem::MaybeUninit;

use super::{
    element::Element,
    epilogue::Epilogue,
    filled::filled,
    gemm::{Block, LeftSide, SharedOutput, compute_block, for_each_block, gemm_with},
    packed::PackedMatrix,
};
use blocks::Blocks;
pub use enlarged::{PHASES, conv2d_enlarged_nhwc};
pub use shape::ConvShape;

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
    let blocks = Blocks::new(kernel, input, shape);
    let output = SharedOutput::new(out, rhs.columns());
    let taps = 0..shape.kernel;
    for_each_block(blocks.count(), blocks.pixels(), rhs, |index, groups| {
        blocks.with(index, |part| {
            let (segments, segment_length) = part.segments(taps.clone(), taps.clone());
            let block = Block {
                kernel,
                left: LeftSide {
                    data: part.slabs,
                    segments: &segments,
                    segment_length,
                },
                row_offsets: &part.row_offsets(),
                first_row: part.first_pixel(),
                rhs,
                epilogue,
                output: &output,
                gated: false,
            };
            // SAFETY: no two blocks have the same rows of the same sample.
            unsafe { compute_block(&block, groups) };
        });
    });
}

#[cfg(test)]
mod tests;
