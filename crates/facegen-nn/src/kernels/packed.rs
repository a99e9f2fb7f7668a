//! The right-hand side of a matrix product, rearranged once for the microkernels, or mapped as it was
//! rearranged by an earlier process.

mod layout;

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use super::{element::Element, scratch::AlignedBuffer};
use crate::packs::MappedSlab;

pub(super) use layout::PanelLayout;

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
        self.layout.inner()
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
mod tests;
