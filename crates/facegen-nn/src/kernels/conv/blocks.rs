//! A convolution split into blocks of a few rows of one sample, or of all rows of a few samples.

use std::ops::Range;

use super::{
    super::{element::Element, scratch::with_scratch},
    shape::ConvShape,
    slab::Slab,
};

/// The blocks of a convolution.
pub(super) struct Blocks<'a, E> {
    input: &'a [E],
    shape: &'a ConvShape,
    plan: Plan,
    /// Blocks of one sample, where a block does not have several samples.
    per_sample: usize,
}

/// A block, with the input under it.
pub(super) struct Part<'a, E> {
    pub(super) shape: &'a ConvShape,
    slab: Slab,
    /// A slab for each sample.
    pub(super) slabs: &'a [E],
    pub(super) samples: Range<usize>,
    /// Rows of the output.
    pub(super) rows: Range<usize>,
}

impl<'a, E: Element> Blocks<'a, E> {
    pub(super) fn new(kernel: E::Kernel, input: &'a [E], shape: &'a ConvShape) -> Self {
        let plan = Plan::new::<E>(kernel, shape);
        Self {
            input,
            shape,
            plan,
            per_sample: shape.out_height().div_ceil(plan.rows),
        }
    }

    /// Returns the number of blocks.
    pub(super) fn count(&self) -> usize {
        (self.shape.batch * self.per_sample).div_ceil(self.plan.samples)
    }

    /// Returns the output pixels of a block.
    pub(super) fn pixels(&self) -> usize {
        self.plan.samples * self.plan.rows * self.shape.out_width()
    }

    /// Calls `compute` with a block.
    pub(super) fn with(&self, index: usize, compute: impl FnOnce(&Part<'_, E>)) {
        let (
            shape,
            Plan {
                slab,
                rows,
                samples,
            },
        ) = (self.shape, self.plan);
        let (first_sample, first) = if samples > 1 {
            (index * samples, 0)
        } else {
            (index / self.per_sample, index % self.per_sample * rows)
        };
        let samples = first_sample..(first_sample + samples).min(shape.batch);
        let rows = first..(first + rows).min(shape.out_height());
        let sample = shape.height * shape.width * shape.in_channels;
        let slab_length = slab.length(shape, rows.len());
        with_scratch(samples.len() * slab_length, |slabs| {
            for (values, index) in slabs.chunks_exact_mut(slab_length).zip(samples.clone()) {
                let input = &self.input[index * sample..][..sample];
                slab.fill(shape, input, rows.start * shape.stride, values);
            }
            compute(&Part {
                shape,
                slab,
                slabs,
                samples,
                rows,
            });
        });
    }
}

impl<E: Element> Part<'_, E> {
    /// Returns the number of output pixels.
    pub(super) fn pixels(&self) -> usize {
        self.samples.len() * self.rows.len() * self.shape.out_width()
    }

    /// Returns where the runs of a row of the product start, and how long each is, for some rows and
    /// columns of the kernel.
    pub(super) fn segments(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> (Vec<usize>, usize) {
        self.slab
            .segments(self.shape, self.rows.len(), rows, columns)
    }

    /// Returns where each output pixel's first input pixel is in the slabs.
    pub(super) fn row_offsets(&self) -> Vec<usize> {
        let (rows, samples) = (self.rows.len(), self.samples.len());
        self.slab.row_offsets(self.shape, rows, samples)
    }

    /// Returns the number of the first output pixel, and so of the first row of the product.
    pub(super) fn first_pixel(&self) -> usize {
        let first_row = self.samples.start * self.shape.out_height() + self.rows.start;
        first_row * self.shape.out_width()
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
