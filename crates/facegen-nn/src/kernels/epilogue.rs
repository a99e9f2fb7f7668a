//! What is applied to a product before it is stored, instead of in another pass over memory.

use std::mem::MaybeUninit;

use super::{element::Element, math, packed::LANE};

/// A function applied to every element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · sigmoid(x)
    Silu,
    /// The exact GELU, with the error function
    GeluErf,
    /// x · sigmoid(1.702 x), as in OpenAI's CLIP
    QuickGelu,
}

impl Activation {
    /// Applies the function in place; always inlined into the loops of other kernels.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Silu => map(values, math::silu),
            Self::GeluErf => map(values, math::gelu_erf),
            Self::QuickGelu => map(values, math::quick_gelu),
        }
    }
}

#[inline(always)]
fn map(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

/// Additions and an activation fused into a product `[rows][n]`, in the order of the fields; none
/// by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a, E = f32> {
    /// `[n]`, added to every row.
    pub bias: Option<&'a [f32]>,
    /// `[batch][n]`, added to every row of its sample (a time embedding); the rows divide evenly
    /// among the samples.
    pub per_sample: Option<&'a [f32]>,
    /// Same shape as the product; added to it.
    pub residual: Option<&'a [E]>,
    /// Applied last.
    pub activation: Option<Activation>,
}

impl<E: Element> Epilogue<'_, E> {
    /// Panics when an operand does not fit a product of this shape.
    pub(super) fn check(&self, rows: usize, columns: usize) {
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), columns, "bias");
        }
        if let Some(per_sample) = self.per_sample {
            let samples = per_sample.len() / columns;
            assert_eq!(per_sample.len(), samples * columns, "per-sample vectors");
            assert!(
                samples > 0 && rows.is_multiple_of(samples),
                "rows per sample"
            );
        }
        if let Some(residual) = self.residual {
            assert_eq!(residual.len(), rows * columns, "residual");
        }
    }

    /// Returns whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.bias.is_none()
            && self.per_sample.is_none()
            && self.residual.is_none()
            && self.activation.is_none()
    }

    /// Returns how many rows of a product of `rows` × `columns` belong to one sample; all where
    /// nothing depends on it.
    pub(super) fn rows_per_sample(&self, rows: usize, columns: usize) -> usize {
        self.per_sample
            .map_or(rows, |per_sample| rows / (per_sample.len() / columns))
    }

    /// Applies the epilogue to a piece of a row; in the last one, `width` elements count.
    #[inline(always)]
    pub(super) fn apply(&self, place: Place, width: usize, values: &mut [f32; LANE]) {
        let first_column = place.first_column;
        if let Some(bias) = self.bias {
            add(values, &bias[first_column..][..width]);
        }
        self.apply_after_bias(place, width, values);
    }

    /// Applies everything but the bias.
    #[inline(always)]
    pub(super) fn apply_after_bias(&self, place: Place, width: usize, values: &mut [f32; LANE]) {
        let Place {
            row,
            sample,
            first_column,
            columns,
        } = place;
        if let Some(per_sample) = self.per_sample {
            add(
                values,
                &per_sample[sample * columns + first_column..][..width],
            );
        }
        if let Some(residual) = self.residual {
            add(values, &residual[row * columns + first_column..][..width]);
        }
        if let Some(activation) = self.activation {
            activation.apply(values);
        }
    }
}

/// The position in a product of a piece of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    /// The sample that the row belongs to.
    pub(super) sample: usize,
    pub(super) first_column: usize,
    /// Width of the product.
    pub(super) columns: usize,
}

#[inline(always)]
pub(super) fn add<E: Element>(values: &mut [f32; LANE], other: &[E]) {
    let (left, right) = (*values, lane_of(other));
    for (sum, (left, right)) in values.iter_mut().zip(left.iter().zip(&right)) {
        *sum = left + right;
    }
}

/// Returns up to 16 values in f32, padded with zeros.
///
/// Lanes are copied in and out as a whole: the compiler keeps arrays of a known length in vector
/// registers where nothing else points to them.
#[inline(always)]
pub(super) fn lane_of<E: Element>(values: &[E]) -> [f32; LANE] {
    let mut lane = [0.0; LANE];
    if let Some(values) = values.first_chunk::<LANE>() {
        let values = *values;
        for (lane, value) in lane.iter_mut().zip(&values) {
            *lane = value.widen();
        }
    } else {
        for (lane, value) in lane.iter_mut().zip(values) {
            *lane = value.widen();
        }
    }
    lane
}

/// Rounds up to 16 values of a lane.
#[inline(always)]
pub(super) fn write_lane<E: Element>(lane: &[f32; LANE], out: &mut [MaybeUninit<E>]) {
    let lane = *lane;
    let mut rounded = [MaybeUninit::new(E::default()); LANE];
    for (rounded, value) in rounded.iter_mut().zip(&lane) {
        rounded.write(E::narrow(*value));
    }
    if let Some(out) = out.first_chunk_mut::<LANE>() {
        *out = rounded;
    } else {
        out.copy_from_slice(&rounded[..out.len()]);
    }
}
