//! The input rows under a few output rows, with zero border, in the order of a matrix product.

use std::ops::Range;

use super::{
    super::{element::Element, microkernel::EVEN_ROWS},
    shape::ConvShape,
};

/// The layout of a slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slab {
    /// The rows unchanged: the pixels under a row of the kernel are contiguous.
    Rows,
    /// For each column of the kernel, the pixels under it for every output pixel, without the
    /// border between rows: output pixels are at even distances even from one row to the next. For
    /// kernels that read 16 rows at even distances, when the width is no multiple of 16.
    Columns,
}

impl Slab {
    /// Chooses the layout that the kernel reads fastest.
    pub(super) fn new<E: Element>(shape: &ConvShape) -> Self {
        let uneven = !shape.out_width().is_multiple_of(EVEN_ROWS);
        let whole_steps = shape.in_channels.is_multiple_of(E::STEP);
        let copied = E::STEP > 1 && shape.stride == 1 && shape.kernel > 1;
        if copied && uneven && whole_steps {
            Self::Columns
        } else {
            Self::Rows
        }
    }

    /// Returns the elements of the slab under `out_rows` rows of the output.
    pub(super) fn length(self, shape: &ConvShape, out_rows: usize) -> usize {
        let rows = shape.slab_rows(out_rows);
        match self {
            Self::Rows => rows * shape.slab_row(),
            Self::Columns => shape.kernel * rows * shape.out_width() * shape.in_channels,
        }
    }

    /// Returns where the runs of a row of the product start, and how long each is, for some rows and
    /// columns of the kernel: in both layouts, together they are (row of the kernel, column of the
    /// kernel, channel).
    pub(super) fn segments(
        self,
        shape: &ConvShape,
        out_rows: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> (Vec<usize>, usize) {
        let channels = shape.in_channels;
        match self {
            Self::Rows => {
                let first = columns.start * channels;
                let segments = rows.map(|row| first + row * shape.slab_row()).collect();
                (segments, columns.len() * channels)
            }
            Self::Columns => {
                let row = shape.out_width() * channels;
                let plane = shape.slab_rows(out_rows) * row;
                let at = |y: usize| columns.clone().map(move |x| x * plane + y * row);
                (rows.flat_map(at).collect(), channels)
            }
        }
    }

    /// Returns where each output pixel's first input pixel is in the slabs of some samples.
    pub(super) fn row_offsets(
        self,
        shape: &ConvShape,
        out_rows: usize,
        samples: usize,
    ) -> Vec<usize> {
        let step = shape.stride * shape.in_channels;
        let row = match self {
            Self::Rows => shape.stride * shape.slab_row(),
            Self::Columns => shape.out_width() * shape.in_channels,
        };
        let (slab, width) = (self.length(shape, out_rows), shape.out_width());
        let pixels = |first: usize| (0..width).map(move |x| first + x * step);
        let rows = |sample: usize| (0..out_rows).map(move |y| sample * slab + y * row);
        (0..samples).flat_map(rows).flat_map(pixels).collect()
    }

    /// Copies rows of one sample into its slab, which begins at row `first` of the bordered input.
    pub(super) fn fill<E: Element>(
        self,
        shape: &ConvShape,
        input: &[E],
        first: usize,
        slab: &mut [E],
    ) {
        match self {
            Self::Rows => {
                for (index, row) in slab.chunks_exact_mut(shape.slab_row()).enumerate() {
                    fill_row(shape, input, (first + index, 0), row);
                }
            }
            Self::Columns => {
                let row = shape.out_width() * shape.in_channels;
                let plane = slab.len() / shape.kernel;
                for (column, plane) in slab.chunks_exact_mut(plane).enumerate() {
                    for (index, row) in plane.chunks_exact_mut(row).enumerate() {
                        fill_row(shape, input, (first + index, column), row);
                    }
                }
            }
        }
    }
}

/// Copies a part of row `y` of the bordered input, starting at its pixel `x`.
fn fill_row<E: Element>(shape: &ConvShape, input: &[E], (y, x): (usize, usize), row: &mut [E]) {
    let channels = shape.in_channels;
    let y = y.checked_sub(shape.padding).filter(|y| *y < shape.height);
    let Some(y) = y else {
        row.fill(E::default());
        return;
    };
    let input_row = shape.width * channels;
    let source = &input[y * input_row..][..input_row];
    let left = shape.padding.saturating_sub(x).min(row.len() / channels);
    let (border, rest) = row.split_at_mut(left * channels);
    border.fill(E::default());
    let skipped = x.saturating_sub(shape.padding).min(shape.width);
    let source = &source[skipped * channels..];
    let (inside, border) = rest.split_at_mut(rest.len().min(source.len()));
    inside.copy_from_slice(&source[..inside.len()]);
    border.fill(E::default());
}
