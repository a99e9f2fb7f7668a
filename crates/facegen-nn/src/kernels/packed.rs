//! The right-hand side of a matrix product, rearranged once for the microkernels.

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use super::scratch::AlignedBuffer;

/// Floats in a lane: one AVX-512 register, and the unit in which panels are wide.
pub(super) const LANE: usize = 16;
/// Columns of a full panel: two lanes.
pub(super) const PANEL: usize = 2 * LANE;

/// Input channels of a convolution that are packed together: what is written for them stays in the
/// first cache, and what is read for them is read once.
const CHANNELS: usize = 16;

/// A matrix `[k][n]`, stored in panels of 32 columns as `[panel][k][32]` with zeros beyond the last
/// column; the last panel is 16 columns wide where that is enough.
pub struct PackedMatrix {
    layout: PanelLayout,
    data: AlignedBuffer,
}

impl PackedMatrix {
    /// Packs the weight `[out_features][in_features]` of a linear layer: k = `in_features`, n =
    /// `out_features`.
    ///
    /// # Panics
    /// Where `weight` has another length.
    pub fn from_linear(weight: &[f32], out_features: usize, in_features: usize) -> Self {
        assert_eq!(weight.len(), out_features * in_features, "linear weight");
        let layout = PanelLayout::new(in_features, out_features);
        let mut data = AlignedBuffer::zeroed(layout.len());
        for_panels(&layout, &mut data, |columns, width, packed| {
            for (k, row) in packed.chunks_exact_mut(width).enumerate() {
                for (slot, column) in row.iter_mut().zip(columns.clone()) {
                    *slot = weight[column * in_features + k];
                }
            }
        });
        Self { layout, data }
    }

    /// Packs the weight `[out_channels][in_channels][kernel][kernel]` of a convolution: k runs over
    /// (row of the kernel, column of the kernel, input channel), the order of an NHWC picture;
    /// n = `out_channels`.
    ///
    /// # Panics
    /// Where `weight` has another length.
    pub fn from_conv(
        weight: &[f32],
        out_channels: usize,
        in_channels: usize,
        kernel: usize,
    ) -> Self {
        let taps = kernel * kernel;
        let inner = taps * in_channels;
        assert_eq!(weight.len(), out_channels * inner, "convolution weight");
        let layout = PanelLayout::new(inner, out_channels);
        let mut data = AlignedBuffer::zeroed(layout.len());
        for_panels(&layout, &mut data, |columns, width, packed| {
            for channel in (0..in_channels).step_by(CHANNELS) {
                let end = in_channels.min(channel + CHANNELS);
                for (slot, column) in columns.clone().enumerate() {
                    let start = column * inner;
                    let source = &weight[start + channel * taps..start + end * taps];
                    for (channel, values) in (channel..).zip(source.chunks_exact(taps)) {
                        for (tap, value) in values.iter().enumerate() {
                            packed[(tap * in_channels + channel) * width + slot] = *value;
                        }
                    }
                }
            }
        });
        Self { layout, data }
    }

    /// k: the length of the sums, which is the width of the left-hand side.
    pub fn inner(&self) -> usize {
        self.layout.inner
    }

    /// n: the number of columns, which is the width of the product.
    pub fn columns(&self) -> usize {
        self.layout.columns
    }

    pub(super) fn layout(&self) -> PanelLayout {
        self.layout
    }

    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }
}

impl fmt::Debug for PackedMatrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PackedMatrix")
            .field("inner", &self.inner())
            .field("columns", &self.columns())
            .finish_non_exhaustive()
    }
}

/// Where the panels of a matrix `[inner][columns]` lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PanelLayout {
    pub(super) inner: usize,
    pub(super) columns: usize,
}

impl PanelLayout {
    pub(super) fn new(inner: usize, columns: usize) -> Self {
        Self { inner, columns }
    }

    /// Floats of the whole packed matrix.
    pub(super) fn len(&self) -> usize {
        self.inner * self.padded_columns()
    }

    /// The columns with the padding of the last panel.
    pub(super) fn padded_columns(&self) -> usize {
        self.columns.next_multiple_of(LANE)
    }

    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Lanes of `panel`: 2, or 1 for a narrow last one.
    pub(super) fn lanes(&self, panel: usize) -> usize {
        (self.padded_columns() - panel * PANEL).min(PANEL) / LANE
    }

    /// Where row `k` of `panel` starts.
    pub(super) fn offset(&self, panel: usize, k: usize) -> usize {
        panel * self.inner * PANEL + k * self.lanes(panel) * LANE
    }
}

/// Has every panel filled, in parallel: `fill` gets its columns, its width, and its floats, which are
/// zeros; padding stays so.
fn for_panels(
    layout: &PanelLayout,
    data: &mut [f32],
    fill: impl Fn(Range<usize>, usize, &mut [f32]) + Sync,
) {
    if layout.inner == 0 {
        return;
    }
    let panels = data.par_chunks_mut(layout.inner * PANEL);
    panels.enumerate().for_each(|(panel, packed)| {
        let columns = panel * PANEL..layout.columns.min((panel + 1) * PANEL);
        fill(columns, layout.lanes(panel) * LANE, packed);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_column_blocks_with_a_narrow_last_one() {
        let weight: Vec<f32> = (0..40 * 3).map(|value| value as f32).collect();
        let packed = PackedMatrix::from_linear(&weight, 40, 3);
        let layout = packed.layout();
        assert_eq!(
            (layout.panels(), layout.lanes(0), layout.lanes(1)),
            (2, 2, 1)
        );
        for n in 0..40 {
            for k in 0..3 {
                let at = layout.offset(n / PANEL, k) + n % PANEL;
                assert_eq!(packed.data()[at], weight[n * 3 + k]);
            }
        }
        let padding = layout.offset(1, 2) + 8;
        assert!(packed.data()[padding..].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn convolution_weights_are_ordered_tap_then_channel() {
        // Of two blocks of channels the second is not a whole one.
        let (outputs, channels, kernel) = (35, CHANNELS + 3, 3);
        let taps = kernel * kernel;
        let weight: Vec<f32> = (0..outputs * channels * taps)
            .map(|value| value as f32)
            .collect();
        let packed = PackedMatrix::from_conv(&weight, outputs, channels, kernel);
        for (torch, value) in weight.iter().enumerate() {
            let (out, channel, tap) = (
                torch / taps / channels,
                torch / taps % channels,
                torch % taps,
            );
            let row = packed
                .layout()
                .offset(out / PANEL, tap * channels + channel);
            assert_eq!(
                packed.data()[row + out % PANEL],
                *value,
                "{out} {channel} {tap}"
            );
        }
    }
}
