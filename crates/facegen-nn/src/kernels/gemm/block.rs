//! A block of rows of a product: the loops over `k`, panels and tiles.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::{mem::MaybeUninit, ops::Range};

use rayon::prelude::*;

use super::super::{
    bfloat16::MAX_TILE_ROWS,
    element::Element,
    epilogue::{Epilogue, Place, lane_of, write_lane},
    isa::{self, Kernel},
    microkernel::{Segment, Tile, even_stride},
    packed::{LANE, PANEL, PackedMatrix},
};
use super::SharedOutput;

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
    fn inner(&self) -> usize {
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
    /// The whole result; rows are `rhs.columns()` wide.
    pub(in super::super) output: &'a SharedOutput<'a, E>,
}

/// Sums of a tile that cannot be kept in the output.
#[repr(align(64))]
struct TileSums([f32; MAX_TILE_ROWS * PANEL]);

/// One tile over one block of `k`.
struct Step<'a> {
    /// The first of the tile's rows in the block.
    first: usize,
    row_count: usize,
    panel: usize,
    k: Range<usize>,
    segments: &'a [Segment],
}

impl<E: Element> Block<'_, E> {
    /// Computes the block, its panels split into `groups` parallel tasks.
    ///
    /// # Safety
    /// Nothing else reads or writes the block's rows of the output meanwhile.
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
        let (inner, rows) = (self.rhs.inner(), self.row_offsets.len());
        let (step, tile_rows) = (E::block_length(inner), E::tile_rows(self.kernel));
        let session = E::session(self.kernel);
        let pointers = self.row_pointers(tile_rows);
        let strides: Vec<_> = pointers.chunks_exact(tile_rows).map(even_stride).collect();
        let mut sums = TileSums([0.0; MAX_TILE_ROWS * PANEL]);
        let mut segments = Vec::new();
        for start in (0..inner).step_by(step) {
            let k = start..(start + step).min(inner);
            self.left.collect_segments(k.clone(), &mut segments);
            for panel in panels.clone() {
                for first in (0..rows).step_by(tile_rows) {
                    let step = Step {
                        first,
                        row_count: (rows - first).min(tile_rows),
                        panel,
                        k: k.clone(),
                        segments: &segments,
                    };
                    let rows = &pointers[first..first + tile_rows];
                    let rows = (rows, strides[first / tile_rows]);
                    self.compute_tile(&session, &step, rows, &mut sums);
                }
            }
        }
    }

    /// Returns where every row starts, repeating the last one to the end of its tile.
    fn row_pointers(&self, tile_rows: usize) -> Vec<*const E> {
        let rows = self.row_offsets.len();
        let padded = 0..rows.next_multiple_of(tile_rows);
        let offset = |row: usize| self.row_offsets[row.min(rows - 1)];
        padded
            .map(|row| self.left.data[offset(row)..].as_ptr())
            .collect()
    }

    /// Computes one tile over one block of `k`; the epilogue finishes it in the last block.
    fn compute_tile(
        &self,
        session: &E::Session,
        step: &Step<'_>,
        (rows, stride): (&[*const E], Option<usize>),
        buffer: &mut TileSums,
    ) {
        let layout = self.rhs.layout();
        let width = layout.lanes(step.panel) * LANE;
        let first_column = step.panel * PANEL;
        let columns = first_column..(first_column + width).min(layout.columns);
        let row = self.first_row + step.first;
        let results = self.output.rectangle(row, step.row_count, columns.clone());
        // Sums are kept in the output itself where it has their dtype and a whole tile fits.
        let in_place = E::as_sums(results.cast()).filter(|_| columns.len() == width);
        let mut finish = FinishTile {
            block: self,
            row,
            row_count: step.row_count,
            columns,
            finished: step.k.end == self.rhs.inner(),
            sums: in_place.unwrap_or(buffer.0.as_mut_ptr()),
            sums_stride: if in_place.is_some() {
                layout.columns
            } else {
                PANEL
            },
            in_place: in_place.is_some(),
        };
        let accumulate = step.k.start > 0;
        if !finish.in_place && accumulate {
            finish.load_sums();
        }
        let tile = Tile {
            rows,
            stride,
            row_count: step.row_count,
            segments: step.segments,
            panel: self.rhs.data()[layout.offset(step.panel, layout.row(step.k.start))..].as_ptr(),
            lanes: layout.lanes(step.panel),
            out: finish.sums,
            out_stride: finish.sums_stride,
            accumulate,
        };
        // SAFETY: `compute` checked that every row extends over all of `k`; the panel holds the
        // rest of `k`'s rows; the sums are the buffer, which is initialised and a full tile, or a
        // part of the output that `rectangle` checked and that only this task accesses.
        unsafe { E::multiply(session, &tile) };
        if !finish.in_place || finish.finished && !self.epilogue.is_empty() {
            isa::run(E::isa(self.kernel), finish);
        }
    }
}

/// The last part of a tile: applies the epilogue to its sums and writes them into the output,
/// unless they are already there.
struct FinishTile<'a, E: Element> {
    block: &'a Block<'a, E>,
    row: usize,
    row_count: usize,
    columns: Range<usize>,
    /// Whether all of `k` has been summed.
    finished: bool,
    /// A tile of the output or of a buffer.
    sums: *mut f32,
    sums_stride: usize,
    in_place: bool,
}

impl<'a, E: Element> FinishTile<'a, E> {
    /// Returns the sums of a row.
    #[inline(always)]
    fn sums(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.row_count, "row of a tile");
        // SAFETY: only this task accesses the tile; it is initialised and at least as wide as its
        // columns; no other slice of it lives, since this one borrows the only way to it.
        unsafe {
            let first = self.sums.add(row * self.sums_stride);
            std::slice::from_raw_parts_mut(first, self.columns.len())
        }
    }

    /// Returns the output of a row.
    ///
    /// # Safety
    /// The sums are not those of the output, and no other slice of this row lives.
    #[inline(always)]
    unsafe fn results(&self, row: usize) -> &'a mut [MaybeUninit<E>] {
        // SAFETY: only this task accesses the tile.
        unsafe { self.block.output.row(self.row + row, self.columns.clone()) }
    }

    /// Loads the sums of earlier blocks of `k` from the output.
    fn load_sums(&mut self) {
        for row in 0..self.row_count {
            // SAFETY: only sums in a buffer are loaded.
            let results = unsafe { self.results(row) };
            for (sum, result) in self.sums(row).iter_mut().zip(results) {
                // SAFETY: the previous block of `k` has written it.
                *sum = unsafe { result.assume_init() }.widen();
            }
        }
    }
}

impl<E: Element> Kernel for FinishTile<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (output, epilogue) = (self.block.output, self.block.epilogue);
        let rows_per_sample = epilogue.rows_per_sample(output.rows(), output.width());
        let mut place = Place {
            row: self.row,
            sample: self.row / rows_per_sample,
            first_column: self.columns.start,
            columns: output.width(),
        };
        let mut next_sample = (place.sample + 1) * rows_per_sample;
        for row in 0..self.row_count {
            self.finish_row(row, place);
            place.row += 1;
            if place.row == next_sample {
                place.sample += 1;
                next_sample += rows_per_sample;
            }
        }
    }
}

impl<E: Element> FinishTile<'_, E> {
    /// Finishes a row, a lane at a time, so that loops have a known length.
    #[inline(always)]
    fn finish_row(&mut self, row: usize, place: Place) {
        let (epilogue, finished, in_place) = (self.block.epilogue, self.finished, self.in_place);
        let results: &mut [MaybeUninit<E>] = if in_place {
            &mut []
        } else {
            // SAFETY: the sums are in a buffer.
            unsafe { self.results(row) }
        };
        let sums = self.sums(row);
        for column in (0..sums.len()).step_by(LANE) {
            let width = LANE.min(sums.len() - column);
            let piece = &mut sums[column..][..width];
            let mut lane = lane_of(piece);
            if finished {
                let first_column = place.first_column + column;
                let place = Place {
                    first_column,
                    ..place
                };
                epilogue.apply(place, width, &mut lane);
            }
            if in_place {
                piece.copy_from_slice(&lane[..width]);
            } else {
                write_lane(&lane, &mut results[column..][..width]);
            }
        }
    }
}
