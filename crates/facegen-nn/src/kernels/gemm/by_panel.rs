//! The loops for sums that do not fit into the output: over panels, blocks of `k` and tiles.
//!
//! The sums of a panel are kept for all rows of the block, and finished with the last block of `k`.
//! A panel's block of `k` stays in the first-level cache while every tile is multiplied with it.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use super::{
    super::{
        element::Element,
        isa,
        microkernel::{Segment, Tile},
        packed::{LANE, PANEL},
        scratch::with_scratch,
    },
    block::{Block, Rows},
    finish::{FinishGated, FinishTile},
};

/// What all panels of a task have in common.
struct Task<'a, E: Element> {
    block: &'a Block<'a, E>,
    session: E::Session,
    rows: Rows<E>,
    /// The blocks of `k` with the runs that each consists of.
    depths: Vec<(Range<usize>, Vec<Segment>)>,
}

/// Computes a few panels of a block; with gates, those of the first half of the columns with theirs.
pub(super) fn compute<E: Element>(block: &Block<'_, E>, panels: Range<usize>) {
    let tile_rows = E::tile_rows(block.kernel);
    let task = Task {
        block,
        session: E::session(block.kernel),
        rows: block.rows_in_place(),
        depths: depths(block),
    };
    let rows = block.row_offsets.len().next_multiple_of(tile_rows);
    let sides = if block.gated { 2 } else { 1 };
    with_scratch(sides * rows * PANEL, |sums: &mut [f32]| {
        let (sums, gates) = sums.split_at_mut(rows * PANEL);
        let tile = tile_rows * PANEL;
        for panel in panels {
            if block.gated {
                let gate = panel + block.output.width() / PANEL;
                task.multiply(panel, sums, |_, _| ());
                task.multiply(gate, gates, |first, gates| {
                    let sums = &sums[first / tile_rows * tile..][..tile];
                    task.finish_gated(panel, first, (sums, gates));
                });
            } else {
                task.multiply(panel, sums, |first, sums| task.finish(panel, first, sums));
            }
        }
    });
}

/// Splits `k` into blocks.
fn depths<E: Element>(block: &Block<'_, E>) -> Vec<(Range<usize>, Vec<Segment>)> {
    let inner = block.rhs.inner();
    let length = E::block_length(block.kernel, inner, block.left.segment_length);
    let starts = (0..inner).step_by(length);
    let depth = |start: usize| {
        let k = start..(start + length).min(inner);
        let mut segments = Vec::new();
        block.left.collect_segments(k.clone(), &mut segments);
        (k, segments)
    };
    starts.map(depth).collect()
}

impl<E: Element> Task<'_, E> {
    /// Computes the sums `[rows][32]` of a panel, and calls `finish` for each tile, by its first row,
    /// when its sums are complete.
    fn multiply(&self, panel: usize, sums: &mut [f32], mut finish: impl FnMut(usize, &mut [f32])) {
        let (block, layout) = (self.block, self.block.rhs.layout());
        let (tile_rows, rows) = (E::tile_rows(block.kernel), block.row_offsets.len());
        for (k, segments) in &self.depths {
            let start = layout.offset(panel, layout.row(k.start));
            // What follows a panel's block of `k` is the next one, or the next panel.
            let next = start + k.len() * layout.lanes(panel) * LANE;
            let tiles = sums.chunks_exact_mut(tile_rows * PANEL);
            let is_last = k.end == block.rhs.inner();
            for (first, sums) in (0..rows).step_by(tile_rows).zip(tiles) {
                if is_last {
                    block.fetch_residual(first, self.columns(panel));
                }
                let (pointers, stride) = self.rows.tile(first);
                let tile = Tile {
                    rows: pointers,
                    stride,
                    row_count: block.tile_height(first),
                    segments,
                    panel: block.rhs.data()[start..].as_ptr(),
                    lanes: layout.lanes(panel),
                    out: sums.as_mut_ptr(),
                    out_stride: PANEL,
                    accumulate: k.start > 0,
                    ahead: block.ahead(next, k.len(), first),
                    far: rows > tile_rows,
                };
                // SAFETY: `Block::check` has checked that every row extends over all of `k`; the
                // panel holds the rest of `k`'s rows; the sums are a whole tile, and initialised.
                unsafe { E::multiply(&self.session, &tile) };
                if is_last {
                    finish(first, sums);
                }
            }
        }
    }

    /// Returns the columns of a panel.
    fn columns(&self, panel: usize) -> Range<usize> {
        panel * PANEL..((panel + 1) * PANEL).min(self.block.rhs.columns())
    }

    /// Applies the epilogue to the sums of a tile.
    fn finish(&self, panel: usize, first: usize, sums: &mut [f32]) {
        let block = self.block;
        let finish = FinishTile {
            block,
            row: block.first_row + first,
            row_count: block.tile_height(first),
            columns: self.columns(panel),
            finished: true,
            sums: sums.as_mut_ptr(),
            sums_stride: PANEL,
            in_place: false,
        };
        isa::run(E::isa(block.kernel), finish);
    }

    /// Multiplies the sums of a tile by the gelu of those of its gates.
    fn finish_gated(&self, panel: usize, first: usize, (sums, gates): (&[f32], &[f32])) {
        let block = self.block;
        let finish = FinishGated {
            block,
            row: block.first_row + first,
            row_count: block.tile_height(first),
            columns: panel * PANEL..(panel + 1) * PANEL,
            sums: sums.as_ptr(),
            gates: gates.as_ptr(),
            sums_stride: PANEL,
        };
        isa::run(E::isa(block.kernel), finish);
    }
}
