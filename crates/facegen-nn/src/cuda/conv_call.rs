/// Sizes of one call; input and output are `(batch, height, width, channels)`.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "cudnn"),
    expect(dead_code, reason = "only a GPU reads it")
)]
pub(super) struct ConvShape {
    pub(super) input: [usize; 4],
    pub(super) output: [usize; 4],
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl ConvShape {
    /// Returns the multiplications and additions.
    pub(super) fn operations(&self) -> usize {
        let products = self.kernel * self.kernel * self.input[3];
        2 * products * self.output.iter().product::<usize>()
    }
}

/// Addresses of the operands of a convolution.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "cudnn"),
    expect(dead_code, reason = "only a GPU reads it")
)]
pub(super) struct Operands {
    pub(super) input: u64,
    pub(super) weight: u64,
    pub(super) bias: u64,
    pub(super) residual: Option<u64>,
    pub(super) output: u64,
}
