//! The online softmax of one tile of scores.

use super::super::{
    isa::Kernel,
    math::{exp_nonpositive, sum_lanes},
    microkernel::TILE_ROWS,
    packed::LANE,
};

/// What has been seen of a query's scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowState {
    /// The largest score, not yet scaled.
    maximum: f32,
    /// The sum of the weights, in 16 partial sums.
    weights: [f32; LANE],
}

impl Default for RowState {
    fn default() -> Self {
        Self {
            maximum: f32::NEG_INFINITY,
            weights: [0.0; LANE],
        }
    }
}

impl RowState {
    /// The sum of the weights.
    pub(super) fn total(&self) -> f32 {
        sum_lanes(self.weights)
    }
}

/// Turns the scores of a tile into weights, and scales what was summed before down to the new maximum.
pub(super) struct SoftmaxTile<'a> {
    pub(super) rows: usize,
    /// Factor of the scores.
    pub(super) scale: f32,
    /// Keys of the block.
    pub(super) keys: usize,
    /// How many of them each query sees.
    pub(super) visible: [usize; TILE_ROWS],
    pub(super) scores: &'a mut [f32],
    pub(super) scores_stride: usize,
    pub(super) states: &'a mut [RowState],
    /// `[rows][…]`, one row per query.
    pub(super) sums: &'a mut [f32],
}

impl Kernel for SoftmaxTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let lanes = self.keys.div_ceil(LANE) * LANE;
        let sums_stride = self.sums.len() / TILE_ROWS;
        let rows = self.scores.chunks_mut(self.scores_stride).zip(self.sums.chunks_mut(sums_stride));
        for (row, ((scores, sums), state)) in rows.zip(self.states).take(self.rows).enumerate() {
            let scores = &mut scores[..lanes];
            scores[self.visible[row]..].fill(f32::NEG_INFINITY);
            let maximum = maximum(scores, state.maximum);
            let shift = -maximum * self.scale;
            let correction = exp_nonpositive(state.maximum.mul_add(self.scale, shift));
            for score in scores.iter_mut() {
                *score = exp_nonpositive(score.mul_add(self.scale, shift));
            }
            add_weights(&mut state.weights, correction, scores);
            if state.maximum > f32::NEG_INFINITY {
                for sum in sums {
                    *sum *= correction;
                }
            }
            state.maximum = maximum;
        }
    }
}

/// The largest of `scores` and `floor`.
#[inline(always)]
fn maximum(scores: &[f32], floor: f32) -> f32 {
    let mut largest = [floor; LANE];
    for lane in scores.as_chunks::<LANE>().0 {
        for (largest, score) in largest.iter_mut().zip(lane) {
            *largest = if *score > *largest { *score } else { *largest };
        }
    }
    for distance in [8, 4, 2, 1] {
        for lane in 0..distance {
            let other = largest[lane + distance];
            largest[lane] = if other > largest[lane] { other } else { largest[lane] };
        }
    }
    largest[0]
}

/// Scales the partial sums by `correction` and adds the weights of a block.
#[inline(always)]
fn add_weights(sums: &mut [f32; LANE], correction: f32, weights: &[f32]) {
    let mut added = sums.map(|sum| sum * correction);
    for lane in weights.as_chunks::<LANE>().0 {
        for (sum, weight) in added.iter_mut().zip(lane) {
            *sum += weight;
        }
    }
    *sums = added;
}
