//! A block of rows of a product.
use std::ops::Range;

use super::super::{
    element::Element,
    epilogue::Epilogue,
    isa,
    microkernel::{Segment, even_stride},
    packed::{PANEL, PackedMatrix},
};
use super::output::SharedOutput;

/// Bytes of a cache line.
const LINE: usize = 64;

/// The layout of the left side's rows: runs of `segment_length`, one from each of `segments`.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct LeftSide<'a, E> {
    /// The slice that every row is a part of.
    pub(in super::super) data: &'a [E],
    /// Distances from the start of the row.
    pub(in super::super) segments: &'a [usize],
    pub(in super::super) segment_length: usize,
}

impl<E> LeftSide<'_, E> {
    pub(super) fn inner(&self) -> usize {
        self.segments.len() * self.segment_length
    }

    /// Returns how far a row extends from its start.
    fn reach(&self) -> usize {
        self.segments
            .iter()
            .max()
            .map_or(0, |last| last + self.segment_length)
    }

    /// Collects the runs that a block of `k` consists of.
    pub(super) fn collect_segments(&self, k: Range<usize>, into: &mut Vec<Segment>) {
        into.clear();
        let mut position = k.start;
        while position < k.end {
            let (segment, within) = (
                position / self.segment_length,
                position % self.segment_length,
            );
            let length = (self.segment_length - within).min(k.end - position);
            into.push(Segment {
                offset: self.segments[segment] + within,
                length,
            });
            position += length;
        }
    }
}

/// The rows `first_row ..` of a product, one for each of `row_offsets`.
#[derive(Debug)]
pub(in super::super) struct Block<'a, E: Element> {
    /// The kernel to run.
    pub(in super::super) kernel: E::Kernel,
    /// The left side.
    pub(in super::super) left: LeftSide<'a, E>,
    /// Where the block's rows start in the left side.
    pub(in super::super) row_offsets: &'a [usize],
    /// The block's first row of the output.
    pub(in super::super) first_row: usize,
    /// The right side.
    pub(in super::super) rhs: &'a PackedMatrix<E>,
    /// Applied to every finished element.
    pub(in super::super) epilogue: &'a Epilogue<'a, E>,
    /// The whole result; rows are `rhs.columns()` wide, or half of that with gates.
    pub(in super::super) output: &'a SharedOutput<'a, E>,
    /// Whether the second half of the columns are gates of the first; of the epilogue, only the bias
    /// counts.
    pub(in super::super) gated: bool,
}

/// The rows of the left side over one block of `k`.
pub(super) struct Rows<E> {
    /// Where every row starts, the last one repeated to the end of its tile.
    pointers: Vec<*const E>,
    /// The distances in each tile; see [`Tile::stride`].
    strides: Vec<Option<usize>>,
    tile_rows: usize,
}

impl<E> Rows<E> {
    pub(super) fn new(count: usize, tile_rows: usize, start: impl Fn(usize) -> *const E) -> Self {
        let padded = 0..count.next_multiple_of(tile_rows);
        let pointers: Vec<_> = padded.map(|row| start(row.min(count - 1))).collect();
        let strides = pointers.chunks_exact(tile_rows).map(even_stride).collect();
        Self {
            pointers,
            strides,
            tile_rows,
        }
    }

    /// Returns the rows of the tile that begins with row `first`, and their distance.
    pub(super) fn tile(&self, first: usize) -> (&[*const E], Option<usize>) {
        let rows = &self.pointers[first..first + self.tile_rows];
        (rows, self.strides[first / self.tile_rows])
    }
}

impl<E: Element> Block<'_, E> {
    /// Panics when the block does not fit its operands; returns the panels of its result.
    pub(super) fn check(&self) -> usize {
        let offsets = self.row_offsets.iter().max();
        let farthest = offsets.map_or(0, |offset| offset + self.left.reach());
        assert!(farthest <= self.left.data.len(), "rows of the left side");
        assert_eq!(self.left.inner(), self.rhs.inner(), "inner dimension");
        let (width, columns) = (self.output.width(), self.rhs.columns());
        if self.gated {
            assert!(width.is_multiple_of(PANEL), "gates in panels of their own");
            assert_eq!(2 * width, columns, "columns of the output and their gates");
        } else {
            assert_eq!(width, columns, "columns of the output");
        }
        width.div_ceil(PANEL)
    }

    /// Returns the rows of the left side where they are.
    pub(super) fn rows_in_place(&self) -> Rows<E> {
        let start = |row: usize| self.left.data[self.row_offsets[row]..].as_ptr();
        let tile_rows = E::tile_rows(self.kernel);
        Rows::new(self.row_offsets.len(), tile_rows, start)
    }

    /// Returns the rows of the tile that begins with row `first`.
    pub(super) fn tile_height(&self, first: usize) -> usize {
        (self.row_offsets.len() - first).min(E::tile_rows(self.kernel))
    }

    /// Fetches what is added to a tile that is about to be finished: it is far away, and each row of it
    /// on a line of its own.
    pub(super) fn fetch_residual(&self, first: usize, columns: Range<usize>) {
        let Some(residual) = self.epilogue.residual else {
            return;
        };
        for row in first..first + self.tile_height(first) {
            let start = (self.first_row + row) * self.output.width();
            for column in columns.clone().step_by(LINE / size_of::<E>()) {
                isa::fetch(residual.as_ptr().wrapping_add(start + column));
            }
        }
    }

    /// Returns the address of the part, of what begins at `next` of the right side and is as long as
    /// a panel's block of `length` rows, that is to be fetched during the tile that begins with row
    /// `first`.
    pub(super) fn ahead(&self, next: usize, length: usize, first: usize) -> *const E {
        let part = (first / E::tile_rows(self.kernel)).min(E::AHEAD_PARTS - 1);
        let start = next + part * (length * PANEL / E::AHEAD_PARTS);
        self.rhs.data().as_ptr().wrapping_add(start)
    }
}
