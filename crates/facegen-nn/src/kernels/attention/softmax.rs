//! The online softmax of one tile of scores.
#![expect(unsafe_code, reason = "adds to results that were written before")]

use std::mem::MaybeUninit;

use super::super::{
    bfloat16::MAX_TILE_ROWS, element::Element, isa::Kernel, math::sum_lanes, packed::LANE,
};

/// The running softmax state of one query.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowState {
    /// The largest score so far, not yet scaled.
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
    /// Returns the sum of the weights.
    pub(super) fn total(&self) -> f32 {
        sum_lanes(self.weights)
    }
}

/// The conversion of a tile's scores into weights, which scales the earlier sums down to the new
/// maximum.
pub(super) struct SoftmaxTile<'a, E> {
    pub(super) rows: usize,
    /// Factor of the scores.
    pub(super) scale: f32,
    /// Keys of the block.
    pub(super) keys: usize,
    /// How many of the keys each query sees.
    pub(super) visible: [usize; MAX_TILE_ROWS],
    /// Whether there are no earlier sums.
    pub(super) first_block: bool,
    pub(super) scores: &'a mut [f32],
    /// Distance between the rows of scores, and between those of weights.
    pub(super) stride: usize,
    /// The weights of the keys, with zeros for the padding to a whole step.
    pub(super) weights: &'a mut [E],
    pub(super) states: &'a mut [RowState],
    /// `[rows][…]`, one row per query.
    pub(super) sums: &'a mut [f32],
    pub(super) sums_stride: usize,
}

impl<E: Element> Kernel for SoftmaxTile<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let lanes = self.keys.next_multiple_of(LANE.max(E::STEP));
        let scale = self.scale * E::EXP_SCALE;
        let mut corrections = [0.0; MAX_TILE_ROWS];
        let corrections = &mut corrections[..self.rows];
        let rows = self.scores.chunks_mut(self.stride).zip(&mut *self.states);
        for (row, (scores, state)) in rows.enumerate().take(self.rows) {
            let scores = &mut scores[..lanes];
            scores[self.visible[row]..].fill(f32::NEG_INFINITY);
            let before = state.maximum;
            state.maximum = maximum(scores, before);
            corrections[row] = (before - state.maximum) * scale;
        }
        for correction in &mut *corrections {
            *correction = E::exp_of_scaled(*correction);
        }
        let scores = self.scores.chunks_mut(self.stride);
        let rows = scores
            .zip(self.weights.chunks_mut(self.stride))
            .zip(self.sums.chunks_mut(self.sums_stride));
        let states = self.states.iter_mut().zip(corrections);
        for (((scores, weights), sums), (state, correction)) in rows.zip(states) {
            let scores = &mut scores[..lanes];
            let shift = -state.maximum * scale;
            let mut total = state.weights;
            for total in &mut total {
                *total *= *correction;
            }
            let weights = weights.as_chunks_mut::<LANE>().0;
            for (scores, weights) in scores.as_chunks::<LANE>().0.iter().zip(weights) {
                let (scores, mut lane) = (*scores, [0.0; LANE]);
                let mut rounded = [E::default(); LANE];
                for (weight, score) in lane.iter_mut().zip(&scores) {
                    *weight = E::exp_of_scaled(score.mul_add(scale, shift));
                }
                for (total, weight) in total.iter_mut().zip(&lane) {
                    *total += weight;
                }
                for (rounded, weight) in rounded.iter_mut().zip(&lane) {
                    *rounded = E::narrow_weight(*weight);
                }
                *weights = rounded;
            }
            state.weights = total;
            if !self.first_block {
                for sum in sums {
                    *sum *= *correction;
                }
            }
        }
    }
}

/// `out = sums / total`, or that times a factor added to `out`, the last step of a query.
pub(super) struct Quotient<'a, E> {
    pub(super) sums: &'a [f32],
    pub(super) total: f32,
    /// The factor; `out` is initialised where there is one.
    pub(super) onto: Option<f32>,
    pub(super) out: &'a mut [MaybeUninit<E>],
}

impl<E: Element> Kernel for Quotient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let elements = self.out.iter_mut().zip(self.sums);
        let Some(factor) = self.onto else {
            for (out, sum) in elements {
                out.write(E::narrow(sum / self.total));
            }
            return;
        };
        for (out, sum) in elements {
            // SAFETY: initialised, since there is a factor.
            let before = unsafe { out.assume_init() }.widen();
            out.write(E::narrow(before + factor * (sum / self.total)));
        }
    }
}

/// Returns the largest of `scores` and `floor`: first of each of 16 lanes, then of halves of the
/// lanes, all of which is vector code. `scores` are a multiple of 16.
#[inline(always)]
fn maximum(scores: &[f32], floor: f32) -> f32 {
    let larger = |one: f32, other: f32| if other > one { other } else { one };
    let mut largest = [floor; LANE];
    for lane in scores.as_chunks::<LANE>().0 {
        for (largest, score) in largest.iter_mut().zip(lane) {
            *largest = larger(*largest, *score);
        }
    }
    let eight: [f32; 8] = std::array::from_fn(|lane| larger(largest[lane], largest[lane + 8]));
    let four: [f32; 4] = std::array::from_fn(|lane| larger(eight[lane], eight[lane + 4]));
    larger(larger(four[0], four[2]), larger(four[1], four[3]))
}
