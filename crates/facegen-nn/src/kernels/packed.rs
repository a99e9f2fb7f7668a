//! The right-hand side of a matrix product, rearranged once for the microkernels, or mapped as it was
//! rearranged by an earlier process.

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use super::{element::Element, scratch::AlignedBuffer};
use crate::packs::MappedSlab;

/// Floats in a lane: one AVX-512 register, and the unit of a panel's width.
pub(super) const LANE: usize = 16;
/// Columns of a full panel: two lanes.
pub(super) const PANEL: usize = 2 * LANE;

/// Input channels of a convolution that are packed together: their output stays in the first cache,
/// and their input is read once.
const CHANNELS: usize = 16;

/// A matrix `[k][n]`, stored in panels of 32 columns as `[panel][k][32]` with zeros beyond the last
/// column; the last panel is 16 columns wide where that is enough.
///
/// Of bf16, panels are `[k / 2][32][2]`, and k consists of segments (one for a linear layer, one
/// for each row of a kernel), padded with zeros to a multiple of 32.
pub struct PackedMatrix<E = f32> {
    layout: PanelLayout,
    data: Slab<E>,
}

/// Memory that holds panels.
enum Slab<E> {
    Own(AlignedBuffer<E>),
    Mapped(MappedSlab<E>),
}

/// The shape of a weight, which determines its panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightShape {
    /// Of a linear layer, `[outputs][inputs]`: k = `inputs`, n = `outputs`.
    Linear {
        /// Width of the result.
        outputs: usize,
        /// Width of the input.
        inputs: usize,
    },
    /// Of a convolution, `[outputs][inputs][kernel][kernel]`: k is (row of the kernel, column of
    /// the kernel, input channel), the order of an NHWC image; n = `outputs`.
    Conv {
        /// Channels of the result.
        outputs: usize,
        /// Channels of the input.
        inputs: usize,
        /// Side of the kernel.
        kernel: usize,
    },
}

impl WeightShape {
    /// Returns the axes as checkpoints have them.
    #[must_use]
    pub fn axes(self) -> Vec<usize> {
        match self {
            Self::Linear { outputs, inputs } => vec![outputs, inputs],
            Self::Conv {
                outputs,
                inputs,
                kernel,
            } => vec![outputs, inputs, kernel, kernel],
        }
    }

    /// Returns the elements of the packed matrix, with its padding.
    #[must_use]
    pub fn packed_length<E: Element>(self) -> usize {
        self.layout::<E>().len()
    }

    fn layout<E: Element>(self) -> PanelLayout {
        match self {
            Self::Linear { outputs, inputs } => PanelLayout::new::<E>(inputs, outputs),
            Self::Conv {
                outputs,
                inputs,
                kernel,
            } => PanelLayout::of_segments::<E>(kernel, kernel * inputs, outputs),
        }
    }
}

impl<E: Element> PackedMatrix<E> {
    /// Packs a weight.
    ///
    /// # Panics
    /// Panics when `weight` has another length.
    pub fn pack(shape: WeightShape, weight: &[E]) -> Self {
        match shape {
            WeightShape::Linear { outputs, inputs } => Self::from_linear(weight, outputs, inputs),
            WeightShape::Conv {
                outputs,
                inputs,
                kernel,
            } => Self::from_conv(weight, outputs, inputs, kernel),
        }
    }

    /// Takes a matrix that was packed before.
    ///
    /// # Panics
    /// Panics when `slab` has another length than [`WeightShape::packed_length`].
    pub(crate) fn mapped(shape: WeightShape, slab: MappedSlab<E>) -> Self {
        let layout = shape.layout::<E>();
        assert_eq!(slab.len(), layout.len(), "mapped weight");
        Self {
            layout,
            data: Slab::Mapped(slab),
        }
    }

    /// Packs the weight `[out_features][in_features]` of a linear layer; see [`WeightShape`].
    ///
    /// # Panics
    /// Panics when `weight` has another length.
    pub fn from_linear(weight: &[E], out_features: usize, in_features: usize) -> Self {
        assert_eq!(weight.len(), out_features * in_features, "linear weight");
        let layout = PanelLayout::new::<E>(in_features, out_features);
        let mut data = AlignedBuffer::zeroed(layout.len());
        for_panels(&layout, &mut data, |columns, width, packed| {
            for (row, rows) in packed.chunks_exact_mut(width * E::DEPTH).enumerate() {
                let k = row * E::DEPTH..in_features.min((row + 1) * E::DEPTH);
                for (slots, column) in rows.chunks_exact_mut(E::DEPTH).zip(columns.clone()) {
                    for (slot, k) in slots.iter_mut().zip(k.clone()) {
                        *slot = weight[column * in_features + k];
                    }
                }
            }
        });
        Self::own(layout, data)
    }

    /// Packs the weight `[out_channels][in_channels][kernel][kernel]` of a convolution; see
    /// [`WeightShape`].
    ///
    /// # Panics
    /// Panics when `weight` has another length.
    pub fn from_conv(weight: &[E], out_channels: usize, in_channels: usize, kernel: usize) -> Self {
        let taps = kernel * kernel;
        let inner = taps * in_channels;
        assert_eq!(weight.len(), out_channels * inner, "convolution weight");
        let layout = PanelLayout::of_segments::<E>(kernel, kernel * in_channels, out_channels);
        let mut data = AlignedBuffer::zeroed(layout.len());
        for_panels(&layout, &mut data, |columns, width, packed| {
            for channel in (0..in_channels).step_by(CHANNELS) {
                let end = in_channels.min(channel + CHANNELS);
                for (slot, column) in columns.clone().enumerate() {
                    let start = column * inner;
                    let source = &weight[start + channel * taps..start + end * taps];
                    for (channel, values) in (channel..).zip(source.chunks_exact(taps)) {
                        for (tap, value) in values.iter().enumerate() {
                            let row = layout.row(tap * in_channels + channel);
                            packed[PanelLayout::within::<E>(row, slot, width)] = *value;
                        }
                    }
                }
            }
        });
        Self::own(layout, data)
    }

    fn own(layout: PanelLayout, data: AlignedBuffer<E>) -> Self {
        Self {
            layout,
            data: Slab::Own(data),
        }
    }

    /// Returns k: the length of the sums, which is the width of the left-hand side.
    pub fn inner(&self) -> usize {
        self.layout.segments * self.layout.segment_length
    }

    /// Returns n: the number of columns, which is the width of the product.
    pub fn columns(&self) -> usize {
        self.layout.columns
    }

    pub(super) fn layout(&self) -> PanelLayout {
        self.layout
    }

    #[inline]
    pub(crate) fn data(&self) -> &[E] {
        match &self.data {
            Slab::Own(buffer) => buffer,
            Slab::Mapped(slab) => slab,
        }
    }
}

impl<E: Element> fmt::Debug for PackedMatrix<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PackedMatrix")
            .field("inner", &self.inner())
            .field("columns", &self.columns())
            .finish_non_exhaustive()
    }
}

/// The positions of a matrix's panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PanelLayout {
    /// Parts of `k`.
    segments: usize,
    /// Rows of a part, without its padding.
    segment_length: usize,
    /// Rows of a part with its padding.
    padded_segment: usize,
    pub(super) columns: usize,
}

impl PanelLayout {
    /// Describes the panels of a matrix `[inner][columns]` of one segment.
    pub(super) fn new<E: Element>(inner: usize, columns: usize) -> Self {
        Self::of_segments::<E>(1, inner, columns)
    }

    /// Describes the panels of a matrix `[segments × segment_length][columns]`.
    pub(super) fn of_segments<E: Element>(
        segments: usize,
        segment_length: usize,
        columns: usize,
    ) -> Self {
        Self {
            segments,
            segment_length,
            padded_segment: segment_length.next_multiple_of(E::STEP),
            columns,
        }
    }

    /// Returns the rows of a panel, with their padding.
    pub(super) fn rows(&self) -> usize {
        self.segments * self.padded_segment
    }

    /// Returns the elements of the whole packed matrix.
    pub(super) fn len(&self) -> usize {
        self.rows() * self.padded_columns()
    }

    /// Returns the row of a panel that holds element `k` of a sum.
    pub(super) fn row(&self, k: usize) -> usize {
        if self.padded_segment == self.segment_length {
            return k;
        }
        k / self.segment_length * self.padded_segment + k % self.segment_length
    }

    /// Returns where in a panel of `width` columns a column of a row is.
    #[inline]
    pub(super) fn within<E: Element>(row: usize, column: usize, width: usize) -> usize {
        let group = row / E::DEPTH * width * E::DEPTH;
        group + column * E::DEPTH + row % E::DEPTH
    }

    /// Returns the number of columns with the padding of the last panel.
    pub(super) fn padded_columns(&self) -> usize {
        self.columns.next_multiple_of(LANE)
    }

    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Returns the lanes of `panel`: 2, or 1 for a narrow last one.
    pub(super) fn lanes(&self, panel: usize) -> usize {
        (self.padded_columns() - panel * PANEL).min(PANEL) / LANE
    }

    /// Returns where the rows of `panel` from `row` on start; `row` begins a group of adjacent
    /// rows.
    pub(super) fn offset(&self, panel: usize, row: usize) -> usize {
        panel * self.rows() * PANEL + row * self.lanes(panel) * LANE
    }
}

/// Fills every panel in parallel: `fill` gets its columns, its width, and its elements, which are
/// zeros; padding is left as it is.
fn for_panels<E: Element>(
    layout: &PanelLayout,
    data: &mut [E],
    fill: impl Fn(Range<usize>, usize, &mut [E]) + Sync,
) {
    if layout.rows() == 0 {
        return;
    }
    let panels = data.par_chunks_mut(layout.rows() * PANEL);
    panels.enumerate().for_each(|(panel, packed)| {
        let columns = panel * PANEL..layout.columns.min((panel + 1) * PANEL);
        fill(columns, layout.lanes(panel) * LANE, packed);
    });
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    fn panels<E: Element>(inner: usize) {
        let value = |index: usize| E::narrow((index % 251) as f32);
        let weight: Vec<E> = (0..40 * inner).map(value).collect();
        let packed = PackedMatrix::from_linear(&weight, 40, inner);
        let layout = packed.layout();
        assert_eq!(
            (layout.panels(), layout.lanes(0), layout.lanes(1)),
            (2, 2, 1)
        );
        let mut left = packed.data().to_vec();
        for (n, k) in (0..40).flat_map(|n| (0..inner).map(move |k| (n, k))) {
            let (panel, width) = (n / PANEL, layout.lanes(n / PANEL) * LANE);
            let at = layout.offset(panel, 0) + PanelLayout::within::<E>(k, n % PANEL, width);
            assert_eq!(left[at], weight[n * inner + k]);
            left[at] = E::default();
        }
        assert!(left.iter().all(|left| *left == E::default()), "padding");
    }

    #[test]
    fn panels_are_column_blocks_with_a_narrow_last_one() {
        panels::<f32>(3);
        panels::<bf16>(3);
        panels::<bf16>(64);
    }

    fn convolution<E: Element>() {
        // The second of the two blocks of channels is not full.
        let (outputs, channels, kernel) = (35, CHANNELS + 3, 3);
        let taps = kernel * kernel;
        let value = |index: usize| E::narrow((index % 251) as f32);
        let weight: Vec<E> = (0..outputs * channels * taps).map(value).collect();
        let packed = PackedMatrix::from_conv(&weight, outputs, channels, kernel);
        let layout = packed.layout();
        for (torch, value) in weight.iter().enumerate() {
            let (out, channel, tap) = (
                torch / taps / channels,
                torch / taps % channels,
                torch % taps,
            );
            let (panel, width) = (out / PANEL, layout.lanes(out / PANEL) * LANE);
            let row = layout.row(tap * channels + channel);
            let at = layout.offset(panel, 0) + PanelLayout::within::<E>(row, out % PANEL, width);
            assert_eq!(packed.data()[at], *value, "{out} {channel} {tap}");
        }
    }

    #[test]
    fn convolution_weights_are_ordered_tap_then_channel() {
        convolution::<f32>();
        convolution::<bf16>();
    }
}
