/// The shape of a convolution with a square kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Number of samples.
    pub batch: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Distance between output pixels.
    pub stride: usize,
    /// Zeros around the input, on all sides.
    pub padding: usize,
}

impl ConvShape {
    /// Returns the height of the output; 0 where the kernel does not fit.
    pub fn out_height(&self) -> usize {
        self.out_extent(self.height)
    }

    /// Returns the width of the output; 0 where the kernel does not fit.
    pub fn out_width(&self) -> usize {
        self.out_extent(self.width)
    }

    fn out_extent(&self, extent: usize) -> usize {
        let padded = extent + 2 * self.padding;
        padded
            .checked_sub(self.kernel)
            .map_or(0, |room| room / self.stride + 1)
    }

    /// Returns the elements of one row of the bordered input.
    pub(super) fn slab_row(&self) -> usize {
        (self.width + 2 * self.padding) * self.in_channels
    }

    /// Returns the rows of the bordered input under `out_rows` rows of the output.
    pub(super) fn slab_rows(&self, out_rows: usize) -> usize {
        (out_rows - 1) * self.stride + self.kernel
    }

    /// Returns whether the input itself is the left side of a matrix product.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }
}
