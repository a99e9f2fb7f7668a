//! One head and a few tiles of queries over all keys.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use super::{
    super::{
        bfloat16::MAX_TILE_ROWS,
        element::Element,
        gemm::SharedOutput,
        isa,
        microkernel::{Segment, Tile},
        packed::{LANE, PANEL, PanelLayout},
        scratch::with_scratch,
    },
    AttentionShape,
    softmax::{Quotient, RowState, SoftmaxTile},
};

/// Tiles of queries of one task, which share each block of keys and values while it is in the cache.
pub(super) const TASK_TILES: usize = 4;
/// Keys of a block for heads up to [`WIDE_HEAD`] wide; wider heads take half, for the cache's sake.
const KEY_BLOCK: usize = 256;
const WIDE_HEAD: usize = 256;
/// Distance between rows of scores: a little more than a block, so that rows do not compete for one
/// cache set.
const SCORES_STRIDE: usize = KEY_BLOCK + LANE;

/// The packed keys and values of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedHead<'a, E> {
    key_layout: PanelLayout,
    keys: &'a [E],
    value_layout: PanelLayout,
    values: &'a [E],
}

impl<'a, E: Element> PackedHead<'a, E> {
    /// Takes a packed head apart.
    pub(super) fn new(shape: &AttentionShape, packed: &'a [E]) -> Self {
        let (key_layout, value_layout) = (shape.key_layout::<E>(), shape.value_layout::<E>());
        let (keys, values) = packed.split_at(key_layout.len());
        assert_eq!(values.len(), value_layout.len(), "packed head");
        Self {
            key_layout,
            keys,
            value_layout,
            values,
        }
    }
}

/// The queries `first_query ..` (at most [`TASK_TILES`] tiles) of one head.
#[derive(Debug)]
pub(super) struct QueryTask<'a, E: Element> {
    pub(super) kernel: E::Kernel,
    pub(super) shape: &'a AttentionShape,
    /// All queries of the sample.
    pub(super) query: &'a [E],
    pub(super) head: usize,
    pub(super) first_query: usize,
    pub(super) packed: PackedHead<'a, E>,
    pub(super) output: &'a SharedOutput<'a, E>,
}

/// The queries of one tile with what has been summed for them so far.
struct QueryTile<'a> {
    queries: Range<usize>,
    states: &'a mut [RowState],
    /// `[tile rows][padded head_dim]`
    sums: &'a mut [f32],
}

/// What a task works with.
struct Workplace<'a, E: Element> {
    session: E::Session,
    /// `[tile rows][SCORES_STRIDE]`
    scores: &'a mut [f32],
    /// `[tile rows][SCORES_STRIDE]`
    weights: &'a mut [E],
}

impl<E: Element> QueryTask<'_, E> {
    /// Computes the task.
    ///
    /// # Safety
    /// Nobody else reads or writes this head of these queries in the output meanwhile.
    pub(super) unsafe fn compute(&self) {
        let tile_rows = E::tile_rows(self.kernel);
        let scores = tile_rows * SCORES_STRIDE;
        let sums = TASK_TILES * tile_rows * self.padded();
        with_scratch(scores + sums, |scratch: &mut [f32]| {
            let (scores, sums) = scratch.split_at_mut(scores);
            with_scratch(scores.len(), |weights: &mut [E]| {
                let workplace = Workplace {
                    session: E::session(self.kernel),
                    scores,
                    weights,
                };
                self.compute_with(workplace, sums);
            });
        });
    }

    fn compute_with(&self, mut workplace: Workplace<'_, E>, sums: &mut [f32]) {
        let tile_rows = E::tile_rows(self.kernel);
        let end = (self.first_query + TASK_TILES * tile_rows).min(self.shape.query_tokens);
        let mut states = vec![RowState::default(); TASK_TILES * tile_rows];
        let parts = states
            .chunks_mut(tile_rows)
            .zip(sums.chunks_mut(tile_rows * self.padded()));
        let firsts = (self.first_query..end).step_by(tile_rows);
        let mut tiles: Vec<_> = firsts
            .zip(parts)
            .map(|(first, (states, sums))| QueryTile {
                queries: first..end.min(first + tile_rows),
                states,
                sums,
            })
            .collect();
        for keys in self.key_blocks() {
            for tile in &mut tiles {
                self.add_block(tile, keys.clone(), &mut workplace);
            }
        }
        for tile in &mut tiles {
            self.store(tile);
        }
    }

    /// Width of a head in the sums.
    fn padded(&self) -> usize {
        self.packed.value_layout.padded_columns()
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
    fn add_block(
        &self,
        tile: &mut QueryTile<'_>,
        keys: Range<usize>,
        workplace: &mut Workplace<'_, E>,
    ) {
        let last_query = tile.queries.end - 1;
        if self.shape.causal && keys.start > last_query {
            return;
        }
        self.score(tile, keys.clone(), workplace);
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
            scores: workplace.scores,
            stride: SCORES_STRIDE,
            weights: workplace.weights,
            states: tile.states,
            sums: tile.sums,
            sums_stride: self.padded(),
        };
        isa::run(E::isa(self.kernel), softmax);
        self.add_values(tile, keys, workplace);
    }

    /// `scores[query][key] = query · key`, for the keys of a block and what pads its last panel.
    fn score(&self, tile: &QueryTile<'_>, keys: Range<usize>, workplace: &mut Workplace<'_, E>) {
        let tile_rows = E::tile_rows(self.kernel);
        let width = self.shape.width();
        let queries = &self.query[tile.queries.start * width..tile.queries.end * width];
        let layout = self.packed.key_layout;
        assert!(
            workplace.scores.len() >= tile_rows * SCORES_STRIDE && keys.len() <= KEY_BLOCK,
            "scores of a tile"
        );
        let segments = [Segment {
            offset: self.head * self.shape.head_dim,
            length: self.shape.head_dim,
        }];
        let rows = row_pointers(queries, width, tile.queries.len());
        for panel in keys.start / PANEL..keys.end.div_ceil(PANEL) {
            let product = Tile {
                rows: &rows[..tile_rows],
                row_count: tile.queries.len(),
                segments: &segments,
                panel: self.packed.keys[layout.offset(panel, 0)..].as_ptr(),
                lanes: layout.lanes(panel),
                out: workplace.scores[panel * PANEL - keys.start..].as_mut_ptr(),
                out_stride: SCORES_STRIDE,
                accumulate: false,
            };
            // SAFETY: every row is a whole token, of which the segment is one head; the panel has
            // `head_dim` rows and their padding; a block begins at a panel, so its panels fit the
            // stride of the scores, which are borrowed here.
            unsafe { E::multiply(&workplace.session, &product) };
        }
    }

    /// `sums += weights · values`.
    fn add_values(
        &self,
        tile: &mut QueryTile<'_>,
        keys: Range<usize>,
        workplace: &Workplace<'_, E>,
    ) {
        let tile_rows = E::tile_rows(self.kernel);
        let layout = self.packed.value_layout;
        let padded = self.padded();
        assert!(tile.sums.len() >= tile_rows * padded, "sums of a tile");
        let segments = [Segment {
            offset: 0,
            length: keys.len().next_multiple_of(E::STEP),
        }];
        let rows = row_pointers(workplace.weights, SCORES_STRIDE, tile.queries.len());
        for panel in 0..layout.panels() {
            let product = Tile {
                rows: &rows[..tile_rows],
                row_count: tile.queries.len(),
                segments: &segments,
                panel: self.packed.values[layout.offset(panel, keys.start)..].as_ptr(),
                lanes: layout.lanes(panel),
                out: tile.sums[panel * PANEL..].as_mut_ptr(),
                out_stride: padded,
                accumulate: keys.start > 0,
            };
            // SAFETY: the rows of weights are as long as the block of keys with its padding; the
            // panel has a row for each; the panels of a row of sums add up to `padded`, and they are
            // initialised.
            unsafe { E::multiply(&workplace.session, &product) };
        }
    }

    /// Divides by the sum of the weights and writes the result.
    fn store(&self, tile: &mut QueryTile<'_>) {
        let head_dim = self.shape.head_dim;
        let rows = tile.sums.chunks_exact(self.padded());
        for (query, (sums, state)) in tile.queries.clone().zip(rows.zip(tile.states.iter())) {
            let columns = self.head * head_dim..(self.head + 1) * head_dim;
            // SAFETY: this head of this query is this task's alone.
            let out = unsafe { self.output.row(query, columns) };
            isa::run(
                E::isa(self.kernel),
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
fn row_pointers<E>(matrix: &[E], stride: usize, rows: usize) -> [*const E; MAX_TILE_ROWS] {
    std::array::from_fn(|row| matrix[row.min(rows - 1) * stride..].as_ptr())
}
