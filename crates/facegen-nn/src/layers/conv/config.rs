//! The sizes of a convolution, and what it is used for.

/// Sizes of a square two-dimensional convolution.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dConfig {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) bias: bool,
    pub(super) enlarges: Enlarges,
}

/// What a convolution is declared to enlarge before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enlarges {
    Nothing,
    /// Every image, twice.
    Twice,
    /// Every image, twice or to one row or column less.
    AboutTwice,
}

impl Conv2dConfig {
    /// Describes a convolution with stride 1, no padding and a bias.
    #[must_use]
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel,
            stride: 1,
            padding: 0,
            bias: true,
            enlarges: Enlarges::Nothing,
        }
    }

    /// Sets the pixels between two windows.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Sets the zeros on each side.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Declares that the checkpoint has no bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self {
            bias: false,
            ..self
        }
    }

    /// Declares that every image is enlarged twice before it is convolved
    /// ([`Conv2d::forward_upsampled`](super::Conv2d::forward_upsampled)): this crate's kernels then use sums of
    /// the weights, 4 instead of 9 for each input channel, and the enlarged
    /// image is never written.
    #[must_use]
    pub fn upsampling(self) -> Self {
        Self {
            enlarges: Enlarges::Twice,
            ..self
        }
    }

    /// Declares that every image is enlarged before it is convolved, most of
    /// them twice and some to one row or column less. The CPU kernels then have
    /// sums of the weights and the weights.
    #[must_use]
    pub fn upsampling_to_any_size(self) -> Self {
        Self {
            enlarges: Enlarges::AboutTwice,
            ..self
        }
    }

    /// Returns whether kernels can use sums of the weight.
    pub(super) fn folds(&self) -> bool {
        (self.kernel, self.stride, self.padding) == (3, 1, 1)
    }
}
