//! One head and a few tiles of queries over all keys.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use std::ops::Range;

use super::{
    super::{
        bfloat16::MAX_TILE_ROWS,
        element::Element,
        gemm::SharedOutput,
        isa,
        microkernel::{Segment, Tile, even_stride},
        packed::{LANE, PANEL, PanelLayout},
        scratch::with_scratch,
    },
    AttentionShape,
    softmax::{Quotient, RowState, SoftmaxTile},
};

/// Query tiles of a task, which share each block of keys and values while it is in the cache.
pub(super) const TASK_TILES: usize = 4;
/// Width of a head from which on blocks of keys are half as long, to stay in the cache.
const WIDE_HEAD: usize = 256;

/// Returns the distance between rows of scores: a little more than a block, so that rows do not
/// compete for one cache set. Rows of weights are a multiple of a cache line apart, too.
fn scores_stride<E: Element>() -> usize {
    E::KEY_BLOCK + E::DEPTH * LANE
}

/// The packed keys and values of a head.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedHead<'a, E> {
    key_layout: PanelLayout,
    keys: &'a [E],
    value_layout: PanelLayout,
    values: &'a [E],
}

impl<'a, E: Element> PackedHead<'a, E> {
    /// Splits a packed head into keys and values.
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
    /// The factor with which the result is added to the output, where it does not replace it.
    pub(super) onto: Option<f32>,
}

/// The queries of one tile with their sums so far.
struct QueryTile<'a, E> {
    queries: Range<usize>,
    /// Where each query of the head begins.
    rows: [*const E; MAX_TILE_ROWS],
    /// Rows to compute: more than there are queries where the whole tile can be read.
    row_count: usize,
    states: &'a mut [RowState],
    /// `[tile rows][padded head_dim]`
    sums: &'a mut [f32],
}

/// The buffers of a task.
struct Workplace<'a, E: Element> {
    session: E::Session,
    /// `[tile rows][scores_stride]`
    scores: &'a mut [f32],
    /// `[tile rows][scores_stride]`
    weights: &'a mut [E],
    /// `[queries][padded head_dim]`, where queries are copied.
    queries: &'a mut [E],
}

impl<E: Element> QueryTask<'_, E> {
    /// Computes the task.
    ///
    /// # Safety
    /// Nothing else reads or writes this head of these queries in the output meanwhile; they are
    /// initialised where the result is added.
    pub(super) unsafe fn compute(&self) {
        let tile_rows = E::tile_rows(self.kernel);
        let scores = tile_rows * scores_stride::<E>();
        let sums = TASK_TILES * tile_rows * self.padded();
        let queries = TASK_TILES * tile_rows * self.copied_width().unwrap_or(0);
        with_scratch(scores + sums, |floats: &mut [f32]| {
            let (scores, sums) = floats.split_at_mut(scores);
            with_scratch(scores.len() + queries, |elements: &mut [E]| {
                let (weights, queries) = elements.split_at_mut(scores.len());
                let workplace = Workplace {
                    session: E::session(self.kernel),
                    scores,
                    weights,
                    queries,
                };
                self.compute_with(workplace, sums);
            });
        });
    }

    fn compute_with(&self, mut workplace: Workplace<'_, E>, sums: &mut [f32]) {
        let tile_rows = E::tile_rows(self.kernel);
        let end = (self.first_query + TASK_TILES * tile_rows).min(self.shape.query_tokens);
        self.copy_queries(self.first_query..end, workplace.queries);
        let mut states = vec![RowState::default(); TASK_TILES * tile_rows];
        let parts = states
            .chunks_mut(tile_rows)
            .zip(sums.chunks_mut(tile_rows * self.padded()));
        let firsts = (self.first_query..end).step_by(tile_rows);
        let mut tiles: Vec<_> = firsts
            .zip(parts)
            .map(|(first, (states, sums))| {
                let queries = first..end.min(first + tile_rows);
                let (rows, row_count) = self.rows(queries.clone(), workplace.queries);
                QueryTile {
                    queries,
                    rows,
                    row_count,
                    states,
                    sums,
                }
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

    /// Returns the width of copied queries, where the kernel takes only whole steps and reads whole
    /// tiles fastest.
    fn copied_width(&self) -> Option<usize> {
        (E::STEP > 1).then(|| self.shape.head_dim.next_multiple_of(E::STEP))
    }

    /// Copies this head of some queries, padding each of them and the end with zeros.
    fn copy_queries(&self, queries: Range<usize>, copies: &mut [E]) {
        let Some(width) = self.copied_width() else {
            return;
        };
        copies.fill(E::default());
        let (token, head_dim) = (self.shape.width(), self.shape.head_dim);
        for (copy, query) in copies.chunks_exact_mut(width).zip(queries) {
            let source = &self.query[query * token + self.head * head_dim..][..head_dim];
            copy[..head_dim].copy_from_slice(source);
        }
    }

    /// Returns where the queries of a tile begin, and how many rows to compute.
    fn rows(&self, queries: Range<usize>, copies: &[E]) -> ([*const E; MAX_TILE_ROWS], usize) {
        if let Some(width) = self.copied_width() {
            let tile_rows = E::tile_rows(self.kernel);
            let copies = &copies[(queries.start - self.first_query) * width..];
            return (row_pointers(copies, width, tile_rows), tile_rows);
        }
        let width = self.shape.width();
        let first = queries.start * width + self.head * self.shape.head_dim;
        (
            row_pointers(&self.query[first..], width, queries.len()),
            queries.len(),
        )
    }

    /// Returns the padded width of a head in the sums.
    fn padded(&self) -> usize {
        self.packed.value_layout.padded_columns()
    }

    fn key_blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let block = if self.shape.head_dim > WIDE_HEAD {
            E::KEY_BLOCK / 2
        } else {
            E::KEY_BLOCK
        };
        let keys = self.shape.key_tokens;
        (0..keys)
            .step_by(block)
            .map(move |first| first..keys.min(first + block))
    }

    /// Adds a block of keys to a tile of queries.
    fn add_block(
        &self,
        tile: &mut QueryTile<'_, E>,
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
            stride: scores_stride::<E>(),
            weights: workplace.weights,
            states: tile.states,
            sums: tile.sums,
            sums_stride: self.padded(),
        };
        isa::run(E::isa(self.kernel), softmax);
        self.add_values(tile, keys, workplace);
    }

    /// Computes `scores[query][key] = query · key` for a block of keys and its last panel's
    /// padding.
    fn score(&self, tile: &QueryTile<'_, E>, keys: Range<usize>, workplace: &mut Workplace<'_, E>) {
        let tile_rows = E::tile_rows(self.kernel);
        let stride = scores_stride::<E>();
        let layout = self.packed.key_layout;
        assert!(
            workplace.scores.len() >= tile_rows * stride && keys.len() <= E::KEY_BLOCK,
            "scores of a tile"
        );
        let segments = [Segment {
            offset: 0,
            length: self.copied_width().unwrap_or(self.shape.head_dim),
        }];
        let rows = &tile.rows[..tile_rows];
        let row_stride = even_stride(rows);
        for panel in keys.start / PANEL..keys.end.div_ceil(PANEL) {
            let first = self.packed.keys[layout.offset(panel, 0)..].as_ptr();
            let product = Tile {
                rows,
                stride: row_stride,
                row_count: tile.row_count,
                segments: &segments,
                panel: first,
                ahead: first,
                far: false,
                lanes: layout.lanes(panel),
                out: workplace.scores[panel * PANEL - keys.start..].as_mut_ptr(),
                out_stride: stride,
                accumulate: false,
            };
            // SAFETY: every row begins at a head, in a token or in a copy with its padding; the
            // panel has `head_dim` rows and their padding; a block begins at a panel, so its panels
            // fit the stride of the scores, which are borrowed here.
            unsafe { E::multiply(&workplace.session, &product) };
        }
    }

    /// Computes `sums += weights · values`.
    fn add_values(
        &self,
        tile: &mut QueryTile<'_, E>,
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
        let rows = row_pointers(workplace.weights, scores_stride::<E>(), tile.row_count);
        let rows = &rows[..tile_rows];
        let stride = even_stride(rows);
        for panel in 0..layout.panels() {
            let first = self.packed.values[layout.offset(panel, keys.start)..].as_ptr();
            let product = Tile {
                rows,
                stride,
                row_count: tile.row_count,
                segments: &segments,
                panel: first,
                ahead: first,
                far: false,
                lanes: layout.lanes(panel),
                out: tile.sums[panel * PANEL..].as_mut_ptr(),
                out_stride: padded,
                accumulate: keys.start > 0,
            };
            // SAFETY: the rows of weights are as long as the block of keys with its padding; the
            // panel has a row for each; the panels of a row of sums add up to `padded`, and they
            // are initialised.
            unsafe { E::multiply(&workplace.session, &product) };
        }
    }

    /// Divides by the sum of the weights and writes or adds the result.
    fn store(&self, tile: &mut QueryTile<'_, E>) {
        let head_dim = self.shape.head_dim;
        let rows = tile.sums.chunks_exact(self.padded());
        for (query, (sums, state)) in tile.queries.clone().zip(rows.zip(tile.states.iter())) {
            let columns = self.head * head_dim..(self.head + 1) * head_dim;
            // SAFETY: only this task accesses this head of this query.
            let out = unsafe { self.output.row(query, columns) };
            isa::run(
                E::isa(self.kernel),
                Quotient {
                    sums,
                    total: state.total(),
                    onto: self.onto,
                    out,
                },
            );
        }
    }
}

/// Returns pointers to the rows of a matrix of `stride`, repeating the last one.
fn row_pointers<E>(matrix: &[E], stride: usize, rows: usize) -> [*const E; MAX_TILE_ROWS] {
    std::array::from_fn(|row| matrix[row.min(rows - 1) * stride..].as_ptr())
}
