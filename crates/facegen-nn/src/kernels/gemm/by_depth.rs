//! The loops for dtypes whose sums fit into the output: over blocks of `k`, panels and tiles.
//!
//! The left side's block of `k` is copied first, so that its rows are at even distances, share pages,
//! and stay in the second-level cache while every panel is multiplied with them.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use super::{
    super::{
        bfloat16::MAX_TILE_ROWS,
        element::Element,
        isa,
        microkernel::{Segment, Tile},
        packed::{LANE, PANEL},
        scratch::with_scratch,
    },
    block::{Block, Rows},
    finish::FinishTile,
};

/// Panels from which on the copy takes less time than it saves.
const COPY_PANELS: usize = 4;

/// Sums of a tile that cannot be kept in the output.
#[repr(align(64))]
struct TileSums([f32; MAX_TILE_ROWS * PANEL]);

/// One block of `k` for a few panels.
struct Step<'a, E> {
    k: Range<usize>,
    panels: Range<usize>,
    rows: &'a Rows<E>,
    segments: &'a [Segment],
}

/// Computes a few panels of a block.
pub(super) fn compute<E: Element>(block: &Block<'_, E>, panels: Range<usize>) {
    let (inner, rows) = (block.rhs.inner(), block.row_offsets.len());
    let (length, tile_rows) = (
        E::block_length(block.kernel, inner, block.left.segment_length),
        E::tile_rows(block.kernel),
    );
    let copy_stride = E::COPY_STRIDE.filter(|_| panels.len() >= COPY_PANELS);
    let session = E::session(block.kernel);
    let in_place = block.rows_in_place();
    let mut sums = TileSums([0.0; MAX_TILE_ROWS * PANEL]);
    let mut segments = Vec::new();
    with_scratch(rows * copy_stride.unwrap_or(0), |copy| {
        for start in (0..inner).step_by(length) {
            let k = start..(start + length).min(inner);
            block.left.collect_segments(k.clone(), &mut segments);
            let copied = copy_stride.map(|stride| {
                copy_rows(block, &segments, stride, copy);
                let (offset, length) = (0, k.len());
                segments = vec![Segment { offset, length }];
                Rows::new(rows, tile_rows, |row| copy[row * stride..].as_ptr())
            });
            let step = Step {
                k,
                panels: panels.clone(),
                rows: copied.as_ref().unwrap_or(&in_place),
                segments: &segments,
            };
            for panel in panels.clone() {
                for first in (0..rows).step_by(tile_rows) {
                    compute_tile(block, &session, &step, (panel, first), &mut sums);
                }
            }
        }
    });
}

/// Copies some segments of every row, one row after the other.
fn copy_rows<E: Element>(
    block: &Block<'_, E>,
    segments: &[Segment],
    stride: usize,
    copy: &mut [E],
) {
    for (copy, offset) in copy.chunks_exact_mut(stride).zip(block.row_offsets) {
        let mut rest = copy;
        for segment in segments {
            let source = &block.left.data[offset + segment.offset..][..segment.length];
            let (part, after) = rest.split_at_mut(source.len());
            part.copy_from_slice(source);
            rest = after;
        }
    }
}

/// Returns where the panel that is read next begins, or this one where it is the last.
fn next_panel<E: Element>(block: &Block<'_, E>, step: &Step<'_, E>, panel: usize) -> usize {
    let layout = block.rhs.layout();
    if panel + 1 < step.panels.end {
        layout.offset(panel + 1, layout.row(step.k.start))
    } else if step.k.end < block.rhs.inner() {
        layout.offset(step.panels.start, layout.row(step.k.end))
    } else {
        layout.offset(panel, layout.row(step.k.start))
    }
}

/// Computes one tile over one block of `k`; the epilogue finishes it in the last block.
fn compute_tile<E: Element>(
    block: &Block<'_, E>,
    session: &E::Session,
    step: &Step<'_, E>,
    (panel, first): (usize, usize),
    buffer: &mut TileSums,
) {
    let row_count = block.tile_height(first);
    let (rows, stride) = step.rows.tile(first);
    let layout = block.rhs.layout();
    let width = layout.lanes(panel) * LANE;
    let first_column = panel * PANEL;
    let columns = first_column..(first_column + width).min(layout.columns);
    let row = block.first_row + first;
    let results = block.output.rectangle(row, row_count, columns.clone());
    // Sums are kept in the output itself where it has their dtype and a whole tile fits.
    let in_place = E::as_sums(results.cast()).filter(|_| columns.len() == width);
    let mut finish = FinishTile {
        block,
        row,
        row_count,
        columns,
        finished: step.k.end == block.rhs.inner(),
        sums: in_place.unwrap_or(buffer.0.as_mut_ptr()),
        sums_stride: if in_place.is_some() {
            layout.columns
        } else {
            PANEL
        },
        in_place: in_place.is_some(),
    };
    if finish.finished {
        block.fetch_residual(first, finish.columns.clone());
    }
    let accumulate = step.k.start > 0;
    if !finish.in_place && accumulate {
        finish.load_sums();
    }
    let tile = Tile {
        rows,
        stride,
        row_count,
        segments: step.segments,
        panel: block.rhs.data()[layout.offset(panel, layout.row(step.k.start))..].as_ptr(),
        lanes: layout.lanes(panel),
        out: finish.sums,
        out_stride: finish.sums_stride,
        accumulate,
        ahead: block.ahead(next_panel(block, step, panel), step.k.len(), first),
        far: false,
    };
    // SAFETY: `Block::check` has checked that every row extends over all of `k`; the panel holds the
    // rest of `k`'s rows; the sums are the buffer, which is initialised and a full tile, or a
    // part of the output that `rectangle` checked and that only this task accesses.
    unsafe { E::multiply(session, &tile) };
    if !finish.in_place || finish.finished && !block.epilogue.is_empty() {
        isa::run(E::isa(block.kernel), finish);
    }
}
