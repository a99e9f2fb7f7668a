//! One head and a few tiles of queries over all keys.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use super::{
    super::{
        gemm::SharedOutput,
        isa::{self, Isa},
        microkernel::{Segment, TILE_ROWS, Tile},
        packed::{LANE, PANEL, PanelLayout},
        scratch::with_scratch,
    },
    AttentionShape,
    softmax::{Quotient, RowState, SoftmaxTile},
};

/// Queries of one task: four tiles, which share each block of keys and values while it is in the
/// cache.
pub(super) const TASK_ROWS: usize = 4 * TILE_ROWS;
/// Keys of a block for heads up to [`WIDE_HEAD`] wide; wider heads take half, for the cache's sake.
const KEY_BLOCK: usize = 256;
const WIDE_HEAD: usize = 256;
/// Distance between rows of scores: a little more than a block, so that rows do not compete for one
/// cache set.
const SCORES_STRIDE: usize = KEY_BLOCK + LANE;

/// The packed keys and values of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedHead<'a> {
    key_layout: PanelLayout,
    keys: &'a [f32],
    value_layout: PanelLayout,
    values: &'a [f32],
}

impl<'a> PackedHead<'a> {
    /// Takes a packed head apart.
    pub(super) fn new(shape: &AttentionShape, packed: &'a [f32]) -> Self {
        let (keys, values) = packed.split_at(shape.key_layout().len());
        let (key_layout, value_layout) = (shape.key_layout(), shape.value_layout());
        assert_eq!(values.len(), value_layout.len(), "packed head");
        Self {
            key_layout,
            keys,
            value_layout,
            values,
        }
    }
}

/// The queries `first_query ..` (at most [`TASK_ROWS`]) of one head.
#[derive(Debug)]
pub(super) struct QueryTask<'a> {
    pub(super) isa: Isa,
    pub(super) shape: &'a AttentionShape,
    /// All queries of the sample.
    pub(super) query: &'a [f32],
    pub(super) head: usize,
    pub(super) first_query: usize,
    pub(super) packed: PackedHead<'a>,
    pub(super) output: &'a SharedOutput<'a>,
}

/// The queries of one tile with what has been summed for them so far.
struct QueryTile<'a> {
    queries: Range<usize>,
    states: &'a mut [RowState],
    /// `[TILE_ROWS][padded head_dim]`
    sums: &'a mut [f32],
}

impl QueryTask<'_> {
    /// Computes the task.
    ///
    /// # Safety
    /// Nobody else reads or writes this head of these queries in the output meanwhile.
    pub(super) unsafe fn compute(&self) {
        let end = (self.first_query + TASK_ROWS).min(self.shape.query_tokens);
        let padded = self.packed.value_layout.padded_columns();
        let mut states = [RowState::default(); TASK_ROWS];
        with_scratch(TILE_ROWS * SCORES_STRIDE + TASK_ROWS * padded, |scratch| {
            let (scores, sums) = scratch.split_at_mut(TILE_ROWS * SCORES_STRIDE);
            let parts = states
                .chunks_mut(TILE_ROWS)
                .zip(sums.chunks_mut(TILE_ROWS * padded));
            let firsts = (self.first_query..end).step_by(TILE_ROWS);
            let mut tiles: Vec<_> = firsts
                .zip(parts)
                .map(|(first, (states, sums))| QueryTile {
                    queries: first..end.min(first + TILE_ROWS),
                    states,
                    sums,
                })
                .collect();
            for keys in self.key_blocks() {
                for tile in &mut tiles {
                    self.add_block(tile, keys.clone(), scores);
                }
            }
            for tile in &mut tiles {
                self.store(tile);
            }
        });
    }

    fn key_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let block = if self.shape.head_dim > WIDE_HEAD {
            KEY_BLOCK / 2
        } else {
            KEY_BLOCK
        };
        let keys = self.shape.key_tokens;
        (0..keys)
            .step_by(block)
            .map(move |first| first..keys.min(first + block))
    }

    /// Adds a block of keys to a tile of queries.
    fn add_block(&self, tile: &mut QueryTile<'_>, keys: Range<usize>, scores: &mut [f32]) {
        let last_query = tile.queries.end - 1;
        if self.shape.causal && keys.start > last_query {
            return;
        }
        self.score(tile, keys.clone(), scores);
        let first_query = tile.queries.start;
        let softmax = SoftmaxTile {
            rows: tile.queries.len(),
            scale: 1.0 / (self.shape.head_dim as f32).sqrt(),
            keys: keys.len(),
            first_block: keys.start == 0,
            visible: std::array::from_fn(|row| {
                let visible = if self.shape.causal {
                    first_query + row + 1
                } else {
                    keys.end
                };
                visible.clamp(keys.start, keys.end) - keys.start
            }),
            scores,
            scores_stride: SCORES_STRIDE,
            states: tile.states,
            sums: tile.sums,
        };
        isa::run(self.isa, softmax);
        self.add_values(tile, keys, scores);
    }

    /// `scores[query][key] = query · key`, for the keys of a block and what pads its last panel.
    fn score(&self, tile: &QueryTile<'_>, keys: Range<usize>, scores: &mut [f32]) {
        let width = self.shape.width();
        let first = self.head * self.shape.head_dim;
        let queries = &self.query[tile.queries.start * width..tile.queries.end * width];
        let layout = self.packed.key_layout;
        assert!(
            scores.len() >= TILE_ROWS * SCORES_STRIDE && keys.len() <= KEY_BLOCK,
            "scores of a tile"
        );
        let segments = [Segment {
            offset: first,
            length: self.shape.head_dim,
        }];
        for panel in keys.start / PANEL..keys.end.div_ceil(PANEL) {
            let product = Tile {
                rows: row_pointers(queries, width, tile.queries.len()),
                row_count: tile.queries.len(),
                segments: &segments,
                panel: self.packed.keys[layout.offset(panel, 0)..].as_ptr(),
                lanes: layout.lanes(panel),
                out: scores[panel * PANEL - keys.start..].as_mut_ptr(),
                out_stride: SCORES_STRIDE,
                accumulate: false,
            };
            // SAFETY: every row is a whole token, of which the segment is one head; the panel has
            // `head_dim` rows; a block begins at a panel, so its panels fit the stride of the
            // scores, which are borrowed here.
            unsafe { product.compute(self.isa) };
        }
    }

    /// `sums += scores · values`.
    fn add_values(&self, tile: &mut QueryTile<'_>, keys: Range<usize>, scores: &[f32]) {
        let layout = self.packed.value_layout;
        let padded = layout.padded_columns();
        let rows = tile.queries.len();
        assert!(tile.sums.len() >= rows * padded, "sums of a tile");
        let segments = [Segment {
            offset: 0,
            length: keys.len(),
        }];
        for panel in 0..layout.panels() {
            let product = Tile {
                rows: row_pointers(scores, SCORES_STRIDE, rows),
                row_count: rows,
                segments: &segments,
                panel: self.packed.values[layout.offset(panel, keys.start)..].as_ptr(),
                lanes: layout.lanes(panel),
                out: tile.sums[panel * PANEL..].as_mut_ptr(),
                out_stride: padded,
                accumulate: keys.start > 0,
            };
            // SAFETY: the rows of scores are as long as the block of keys; the panel has a row for
            // every key; the panels of a row of sums add up to `padded`, and they are initialised.
            unsafe { product.compute(self.isa) };
        }
    }

    /// Divides by the sum of the weights and writes the result.
    fn store(&self, tile: &mut QueryTile<'_>) {
        let head_dim = self.shape.head_dim;
        let padded = self.packed.value_layout.padded_columns();
        let rows = tile.sums.chunks_exact(padded).zip(tile.states.iter());
        for (query, (sums, state)) in tile.queries.clone().zip(rows) {
            let columns = self.head * head_dim..(self.head + 1) * head_dim;
            // SAFETY: this head of this query is this task's alone.
            let out = unsafe { self.output.row(query, columns) };
            isa::run(
                self.isa,
                Quotient {
                    sums,
                    total: state.total(),
                    out,
                },
            );
        }
    }
}

/// Pointers to the rows of a matrix of `stride`, the last one repeated.
fn row_pointers(matrix: &[f32], stride: usize, rows: usize) -> [*const f32; TILE_ROWS] {
    std::array::from_fn(|row| matrix[row.min(rows - 1) * stride..].as_ptr())
}
