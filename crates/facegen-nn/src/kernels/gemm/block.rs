//! A block of rows of a product: the loops over `k`, panels and tiles.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use rayon::prelude::*;

use super::super::{
    epilogue::{Epilogue, Place},
    isa::{self, Isa, Kernel},
    microkernel::{Segment, TILE_ROWS, Tile},
    packed::{LANE, PANEL, PackedMatrix},
};
use super::SharedOutput;

/// The longest block of `k`: of it, a panel of the right side takes 32 KiB. Rounding errors grow with
/// its length rather than with that of the whole sum.
const MAX_INNER: usize = 256;

/// The length of a block of `k`, of which the last may be shorter: it depends on the length
/// of the sum alone, and so do the bytes of the result.
pub(in super::super) fn block_length(inner: usize) -> usize {
    inner.div_ceil(inner.div_ceil(MAX_INNER).max(1)).max(1)
}

/// How the rows of the left side are laid out: `segments` runs of `segment_length`,
/// `segment_stride` apart.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct LeftSide<'a> {
    /// What every row is a part of.
    pub(in super::super) data: &'a [f32],
    pub(in super::super) segments: usize,
    pub(in super::super) segment_length: usize,
    pub(in super::super) segment_stride: usize,
}

impl LeftSide<'_> {
    fn inner(&self) -> usize {
        self.segments * self.segment_length
    }

    /// How far a row reaches from where it starts.
    fn reach(&self) -> usize {
        (self.segments - 1) * self.segment_stride + self.segment_length
    }

    /// The runs that a block of `k` consists of.
    fn collect_segments(&self, k: Range<usize>, into: &mut Vec<Segment>) {
        into.clear();
        let mut position = k.start;
        while position < k.end {
            let (segment, within) = (
                position / self.segment_length,
                position % self.segment_length,
            );
            let length = (self.segment_length - within).min(k.end - position);
            into.push(Segment {
                offset: segment * self.segment_stride + within,
                length,
            });
            position += length;
        }
    }
}

/// The rows `first_row ..` of a product, one for each of `row_offsets`.
#[derive(Debug)]
pub(in super::super) struct Block<'a> {
    /// What runs.
    pub(in super::super) isa: Isa,
    /// The left side.
    pub(in super::super) left: LeftSide<'a>,
    /// Where the block's rows start in the left side.
    pub(in super::super) row_offsets: &'a [usize],
    /// The block's first row of the output.
    pub(in super::super) first_row: usize,
    /// The right side.
    pub(in super::super) rhs: &'a PackedMatrix,
    /// Applied to every finished element.
    pub(in super::super) epilogue: &'a Epilogue<'a>,
    /// The whole result; rows are `rhs.columns()` wide.
    pub(in super::super) output: &'a SharedOutput<'a>,
}

impl Block<'_> {
    /// Computes the block, its panels split into `groups` parallel tasks.
    ///
    /// # Safety
    /// Nobody else reads or writes the block's rows of the output meanwhile.
    pub(in super::super) unsafe fn compute(&self, groups: usize) {
        let farthest = self
            .row_offsets
            .iter()
            .max()
            .map_or(0, |offset| offset + self.left.reach());
        assert!(farthest <= self.left.data.len(), "rows of the left side");
        assert_eq!(self.left.inner(), self.rhs.inner(), "inner dimension");
        assert_eq!(
            self.output.width(),
            self.rhs.columns(),
            "columns of the output"
        );
        let panels = self.rhs.layout().panels();
        if groups <= 1 {
            return self.compute_panels(0..panels);
        }
        let tasks = (0..groups).into_par_iter().with_max_len(1);
        tasks.for_each(|group| {
            self.compute_panels(group * panels / groups..(group + 1) * panels / groups);
        });
    }

    fn compute_panels(&self, panels: Range<usize>) {
        let inner = self.rhs.inner();
        let step = block_length(inner);
        let mut segments = Vec::new();
        for start in (0..inner).step_by(step) {
            let k = start..(start + step).min(inner);
            self.left.collect_segments(k.clone(), &mut segments);
            for panel in panels.clone() {
                for first in (0..self.row_offsets.len()).step_by(TILE_ROWS) {
                    self.compute_tile(first, panel, k.clone(), &segments);
                }
            }
        }
    }

    /// One tile over one block of `k`, finished by the epilogue when it is the last.
    fn compute_tile(&self, first: usize, panel: usize, k: Range<usize>, segments: &[Segment]) {
        let layout = self.rhs.layout();
        let row_count = (self.row_offsets.len() - first).min(TILE_ROWS);
        let width = layout.lanes(panel) * LANE;
        let columns = panel * PANEL..(panel * PANEL + width).min(layout.columns);
        let row = self.first_row + first;
        let mut tile = Tile {
            rows: std::array::from_fn(|row| {
                let offset = self.row_offsets[first + row.min(row_count - 1)];
                self.left.data.as_ptr().wrapping_add(offset)
            }),
            row_count,
            segments,
            panel: self.rhs.data()[layout.offset(panel, k.start)..].as_ptr(),
            lanes: layout.lanes(panel),
            out: self.output.rectangle(row, row_count, columns.clone()),
            out_stride: layout.columns,
            accumulate: k.start > 0,
        };
        if columns.len() == width {
            // SAFETY: `compute` checked that every row reaches over all of `k`; the panel holds
            // `k`'s rows to its end; `rectangle` checked the output, which is this task's alone
            // and initialised.
            unsafe { tile.compute(self.isa) };
        } else {
            self.compute_narrow(&mut tile, row, columns.clone());
        }
        if k.end == layout.inner && !self.epilogue.is_empty() {
            isa::run(
                self.isa,
                FinishTile {
                    block: self,
                    row,
                    row_count,
                    columns,
                },
            );
        }
    }

    /// A tile that is wider than what is left of the output: it goes through a buffer.
    fn compute_narrow(&self, tile: &mut Tile<'_>, row: usize, columns: Range<usize>) {
        let mut buffer = [[0.0; PANEL]; TILE_ROWS];
        // SAFETY: these rectangles are this task's alone, and each slice ends before the next
        // begins.
        let output = |index| unsafe { self.output.row(row + index, columns.clone()) };
        if tile.accumulate {
            for (index, values) in buffer.iter_mut().enumerate().take(tile.row_count) {
                values[..columns.len()].copy_from_slice(output(index));
            }
        }
        tile.out = buffer.as_mut_ptr().cast();
        tile.out_stride = PANEL;
        // SAFETY: as in `compute_tile`; the buffer has a full tile's size and is initialised.
        unsafe { tile.compute(self.isa) };
        for (index, values) in buffer.iter().enumerate().take(tile.row_count) {
            output(index).copy_from_slice(&values[..columns.len()]);
        }
    }
}

/// Applies the epilogue to a tile of the output.
struct FinishTile<'a> {
    block: &'a Block<'a>,
    row: usize,
    row_count: usize,
    columns: Range<usize>,
}

impl Kernel for FinishTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Block {
            output, epilogue, ..
        } = self.block;
        for row in self.row..self.row + self.row_count {
            // SAFETY: the tile is this task's alone, and one slice of it lives at a time.
            let values = unsafe { output.row(row, self.columns.clone()) };
            let place = Place {
                row,
                first_column: self.columns.start,
                rows: output.rows(),
                columns: output.width(),
            };
            epilogue.apply(place, values);
        }
    }
}
