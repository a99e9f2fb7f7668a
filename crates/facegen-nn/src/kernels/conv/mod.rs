//! Two-dimensional convolution over NHWC pictures, as a matrix product without im2col.
//!
//! A task copies the input rows that its output rows need into a slab with a zero border, small
//! enough for the second-level cache. In the slab the pixels under one row of the kernel are
//! contiguous for every output pixel, so the row of a matrix product is `kernel` segments of
//! `kernel` × `in_channels` elements, read where they lie.
#![expect(
    unsafe_code,
    reason = "blocks write disjoint rows of the output, and together all of it"
)]

use std::mem::MaybeUninit;

use super::{
    element::Element,
    epilogue::Epilogue,
    filled::filled,
    gemm::{Block, LeftSide, SharedOutput, for_each_block, gemm_with},
    packed::PackedMatrix,
    scratch::with_scratch,
};

/// The shape of a convolution with a square kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Number of samples.
    pub batch: usize,
    /// Height of the input, before any upsampling.
    pub height: usize,
    /// Width of the input, before any upsampling.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Distance between output pixels.
    pub stride: usize,
    /// Zeros around the input (after any upsampling), on all sides.
    pub padding: usize,
    /// Repeat every input pixel 2 × 2 times first: diffusers' `Upsample2D` (nearest) in one pass.
    pub upsample: bool,
}

impl ConvShape {
    /// Height of the output; 0 where the kernel does not fit.
    pub fn out_height(&self) -> usize {
        self.out_extent(self.height)
    }

    /// Width of the output; 0 where the kernel does not fit.
    pub fn out_width(&self) -> usize {
        self.out_extent(self.width)
    }

    fn out_extent(&self, extent: usize) -> usize {
        let padded = extent * self.scale() + 2 * self.padding;
        padded
            .checked_sub(self.kernel)
            .map_or(0, |room| room / self.stride + 1)
    }

    fn scale(&self) -> usize {
        if self.upsample { 2 } else { 1 }
    }

    /// Elements of one row of the bordered input.
    fn slab_row(&self) -> usize {
        (self.width * self.scale() + 2 * self.padding) * self.in_channels
    }

    /// Rows of the bordered input under `out_rows` rows of the output.
    fn slab_rows(&self, out_rows: usize) -> usize {
        (out_rows - 1) * self.stride + self.kernel
    }

    /// Whether the input is the left side of a matrix product as it is.
    fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0 && !self.upsample
    }
}

/// `epilogue(input ⋆ rhs)`, with `rhs` from [`PackedMatrix::from_conv`] (or
/// [`PackedMatrix::from_linear`] for a 1 × 1 kernel).
///
/// `input` is `[batch][height][width][in_channels]`, the result `[batch][out_height][out_width][n]`.
///
/// # Panics
/// Where a slice does not fit the shape.
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
    let output = &SharedOutput::new(out, rhs.columns());
    let block_rows = block_rows::<E>(kernel, shape);
    let per_sample = out_height.div_ceil(block_rows);
    for_each_block(
        shape.batch * per_sample,
        out_width * block_rows,
        rhs,
        |index, groups| {
            let (sample_index, first) = (index / per_sample, index % per_sample * block_rows);
            let rows = first..(first + block_rows).min(out_height);
            let input = &input[sample_index * sample..][..sample];
            with_scratch(shape.slab_rows(rows.len()) * shape.slab_row(), |slab| {
                fill_slab(shape, input, first * shape.stride, slab);
                let block = Block {
                    kernel,
                    left: left_side(shape, slab),
                    row_offsets: &row_offsets(shape, rows.len()),
                    first_row: (sample_index * out_height + first) * out_width,
                    rhs,
                    epilogue,
                    output,
                };
                // SAFETY: no two blocks have the same rows of the same sample.
                unsafe { block.compute(groups) };
            });
        },
    );
}

/// Output rows of one task: as many as the slab and the row limit allow, fewer where that wastes
/// less of the tiles.
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

fn left_side<'a, E>(shape: &ConvShape, slab: &'a [E]) -> LeftSide<'a, E> {
    LeftSide {
        data: slab,
        segments: shape.kernel,
        segment_length: shape.kernel * shape.in_channels,
        segment_stride: shape.slab_row(),
    }
}

/// Where each output pixel's first input pixel lies in the slab.
fn row_offsets(shape: &ConvShape, rows: usize) -> Vec<usize> {
    let step = shape.stride * shape.in_channels;
    let width = shape.out_width();
    let row = |y: usize| (0..width).map(move |x| y * shape.stride * shape.slab_row() + x * step);
    (0..rows).flat_map(row).collect()
}

/// Copies rows of one sample into the slab, with its zero border; the slab begins at row `first` of
/// the bordered input.
fn fill_slab<E: Element>(shape: &ConvShape, input: &[E], first: usize, slab: &mut [E]) {
    let input_row = shape.width * shape.in_channels;
    let border = shape.padding * shape.in_channels;
    for (index, row) in slab.chunks_exact_mut(shape.slab_row()).enumerate() {
        let y = (first + index)
            .checked_sub(shape.padding)
            .map(|y| y / shape.scale());
        let Some(y) = y.filter(|y| *y < shape.height) else {
            row.fill(E::default());
            continue;
        };
        let source = &input[y * input_row..][..input_row];
        let row_length = row.len();
        row[..border].fill(E::default());
        row[row_length - border..].fill(E::default());
        let inside = &mut row[border..row_length - border];
        if shape.upsample {
            repeat_pixels(source, shape.in_channels, inside);
        } else {
            inside.copy_from_slice(source);
        }
    }
}

/// Writes every pixel of a row twice.
fn repeat_pixels<E: Element>(source: &[E], channels: usize, out: &mut [E]) {
    let pairs = out.chunks_exact_mut(2 * channels);
    for (pixel, pair) in source.chunks_exact(channels).zip(pairs) {
        let (left, right) = pair.split_at_mut(channels);
        left.copy_from_slice(pixel);
        right.copy_from_slice(pixel);
    }
}

#[cfg(test)]
mod tests;
