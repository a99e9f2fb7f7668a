//! The last part of a tile: what is done to its sums.
#![expect(
    unsafe_code,
    reason = "reads sums and writes a tile of the output through pointers"
)]

use std::{mem::MaybeUninit, ops::Range};

use super::super::{
    element::Element,
    epilogue::{Place, add, lane_of, write_lane},
    isa::Kernel,
    math,
    packed::{LANE, PANEL},
};
use super::block::Block;

/// Applies the epilogue to the sums of a tile and writes them into the output, unless they are
/// already there.
///
/// The caller promises that `sums` are initialised, `row_count` rows `sums_stride` apart and at
/// least as wide as the columns, and that only this tile's task accesses them and its part of the
/// output.
pub(super) struct FinishTile<'a, E: Element> {
    pub(super) block: &'a Block<'a, E>,
    pub(super) row: usize,
    pub(super) row_count: usize,
    pub(super) columns: Range<usize>,
    /// Whether all of `k` has been summed.
    pub(super) finished: bool,
    /// A tile of the output or of a buffer.
    pub(super) sums: *mut f32,
    pub(super) sums_stride: usize,
    pub(super) in_place: bool,
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
    pub(super) fn load_sums(&mut self) {
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
        if self.finished && self.columns.len().is_multiple_of(LANE) {
            return self.finish_lanes();
        }
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
    /// Finishes whole lanes.
    #[inline(always)]
    fn finish_lanes(&self) {
        let (output, epilogue) = (self.block.output, self.block.epilogue);
        let (first, columns) = (self.columns.start, output.width());
        let lanes = self.columns.len() / LANE;
        let biases: [Option<[f32; LANE]>; PANEL / LANE] = std::array::from_fn(|lane| {
            let of_lane = |bias: &[f32]| lane_of(&bias[first + lane * LANE..][..LANE]);
            epilogue.bias.filter(|_| lane < lanes).map(of_lane)
        });
        let rows_per_sample = epilogue.rows_per_sample(output.rows(), columns);
        let mut sample = self.row / rows_per_sample;
        let mut next_sample = (sample + 1) * rows_per_sample;
        for row in 0..self.row_count {
            let at = self.row + row;
            if at == next_sample {
                sample += 1;
                next_sample += rows_per_sample;
            }
            for (lane, bias) in biases.iter().enumerate().take(lanes) {
                // SAFETY: a whole lane of a row of the tile, which is initialised.
                let mut values = unsafe {
                    let sums = self.sums.add(row * self.sums_stride + lane * LANE);
                    sums.cast::<[f32; LANE]>().read()
                };
                if let Some(bias) = bias {
                    add(&mut values, bias);
                }
                let place = Place {
                    row: at,
                    sample,
                    first_column: first + lane * LANE,
                    columns,
                };
                epilogue.apply_after_bias(place, LANE, &mut values);
                // SAFETY: only this task accesses the tile, and no slice of it lives.
                let out = unsafe { output.row(at, place.first_column..place.first_column + LANE) };
                write_lane(&values, out);
            }
        }
    }

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

/// Multiplies the sums of a tile by the gelu of those of its gate, each with its bias, and writes the
/// products into the output. What `FinishTile` promises holds for both.
pub(super) struct FinishGated<'a, E: Element> {
    pub(super) block: &'a Block<'a, E>,
    pub(super) row: usize,
    pub(super) row_count: usize,
    /// Of the output, whole lanes.
    pub(super) columns: Range<usize>,
    pub(super) sums: *const f32,
    pub(super) gates: *const f32,
    pub(super) sums_stride: usize,
}

impl<E: Element> Kernel for FinishGated<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.block.output.width();
        for column in (0..self.columns.len()).step_by(LANE) {
            let first = self.columns.start + column;
            let biases = self.block.epilogue.bias;
            let biases =
                biases.map(|bias| (lane_of(&bias[first..]), lane_of(&bias[width + first..])));
            for row in 0..self.row_count {
                let at = row * self.sums_stride + column;
                // SAFETY: a whole lane of a row of the tile, which is initialised.
                let (mut hidden, mut gate) = unsafe {
                    let lane = |sums: *const f32| sums.add(at).cast::<[f32; LANE]>().read();
                    (lane(self.sums), lane(self.gates))
                };
                if let Some((of_hidden, of_gate)) = &biases {
                    for (value, bias) in hidden.iter_mut().zip(of_hidden) {
                        *value += bias;
                    }
                    for (value, bias) in gate.iter_mut().zip(of_gate) {
                        *value += bias;
                    }
                }
                for (value, gate) in hidden.iter_mut().zip(&gate) {
                    *value *= math::gelu_erf(*gate);
                }
                // SAFETY: only this task accesses the tile.
                let out = unsafe { self.block.output.row(self.row + row, first..first + LANE) };
                write_lane(&hidden, out);
            }
        }
    }
}
