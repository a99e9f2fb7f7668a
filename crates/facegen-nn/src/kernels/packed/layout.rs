//! Where the elements of a packed matrix are.

use super::{LANE, PANEL};
use crate::kernels::element::Element;

/// The positions of a matrix's panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernels) struct PanelLayout {
    /// Parts of `k`.
    segments: usize,
    /// Rows of a part, without its padding.
    segment_length: usize,
    /// Rows of a part with its padding.
    padded_segment: usize,
    pub(in crate::kernels) columns: usize,
}

impl PanelLayout {
    /// Describes the panels of a matrix `[inner][columns]` of one segment.
    pub(in crate::kernels) fn new<E: Element>(inner: usize, columns: usize) -> Self {
        Self::of_segments::<E>(1, inner, columns)
    }

    /// Describes the panels of a matrix `[segments × segment_length][columns]`.
    pub(in crate::kernels) fn of_segments<E: Element>(
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

    /// Returns the length of the sums, without padding.
    pub(super) fn inner(&self) -> usize {
        self.segments * self.segment_length
    }

    /// Returns the rows of a panel, with their padding.
    pub(in crate::kernels) fn rows(&self) -> usize {
        self.segments * self.padded_segment
    }

    /// Returns the elements of the whole packed matrix.
    pub(in crate::kernels) fn len(&self) -> usize {
        self.rows() * self.padded_columns()
    }

    /// Returns the row of a panel that holds element `k` of a sum.
    pub(in crate::kernels) fn row(&self, k: usize) -> usize {
        if self.padded_segment == self.segment_length {
            return k;
        }
        k / self.segment_length * self.padded_segment + k % self.segment_length
    }

    /// Returns where in a panel of `width` columns a column of a row is.
    #[inline]
    pub(in crate::kernels) fn within<E: Element>(row: usize, column: usize, width: usize) -> usize {
        let group = row / E::DEPTH * width * E::DEPTH;
        group + column * E::DEPTH + row % E::DEPTH
    }

    /// Returns the number of columns with the padding of the last panel.
    pub(in crate::kernels) fn padded_columns(&self) -> usize {
        self.columns.next_multiple_of(LANE)
    }

    pub(in crate::kernels) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Returns the lanes of `panel`: 2, or 1 for a narrow last one.
    pub(in crate::kernels) fn lanes(&self, panel: usize) -> usize {
        (self.padded_columns() - panel * PANEL).min(PANEL) / LANE
    }

    /// Returns where the rows of `panel` from `row` on start; `row` begins a group of adjacent
    /// rows.
    pub(in crate::kernels) fn offset(&self, panel: usize, row: usize) -> usize {
        panel * self.rows() * PANEL + row * self.lanes(panel) * LANE
    }
}
