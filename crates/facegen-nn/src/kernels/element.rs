//! The two dtypes that the kernels compute in: code common to both is generic over [`Element`].
#![expect(
    unsafe_code,
    reason = "hands on the contract of a tile, which reads and writes through pointers"
)]

use std::{f32::consts::LOG2_E, fmt::Debug};

use half::bf16;

use super::{
    bfloat16::{HalfKernel, HalfSession},
    isa::Isa,
    math,
    microkernel::{self, Tile},
};

/// A dtype of weights and activations. Sums are always f32, and a result is rounded once.
pub trait Element: Copy + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The code that computes products of this dtype.
    type Kernel: Copy + Debug + Send + Sync;
    /// A kernel set up on one thread.
    type Session;

    /// Neighbours in `k` that are adjacent for each column of a panel.
    const DEPTH: usize;
    /// Segments of the right side are padded with zeros to a multiple of this.
    const STEP: usize;
    /// Rows of the largest block of a product.
    const MAX_BLOCK_ROWS: usize;
    /// Elements that the left side of a block should not exceed, to fit the second-level cache.
    const MAX_BLOCK: usize;
    /// Keys of a block of an attention.
    const KEY_BLOCK: usize;
    /// Distance between the rows of a copy of the left side, where tiles read it from one.
    const COPY_STRIDE: Option<usize>;
    /// Whether sums are kept in the output, which has their dtype.
    const SUMS_IN_PLACE: bool;
    /// Parts in which a panel is fetched ahead, one by each tile.
    const AHEAD_PARTS: usize;

    /// Returns the fastest kernel of this machine.
    fn best() -> Self::Kernel;
    /// Returns the instruction set of the kernel's vector code.
    fn isa(kernel: Self::Kernel) -> Isa;
    /// Returns the rows of a full tile.
    fn tile_rows(kernel: Self::Kernel) -> usize;
    /// Returns the length of a block of `k` in a sum of `inner` terms, of which the last may be
    /// shorter; rows of the left side are contiguous over `segment` terms. It depends on the kernel
    /// and these lengths alone, and so do the bytes of the result.
    fn block_length(kernel: Self::Kernel, inner: usize, segment: usize) -> usize;

    /// Sets the kernel up on this thread. While the session lives, the thread must not wait inside
    /// rayon.
    fn session(kernel: Self::Kernel) -> Self::Session;
    /// Computes a tile.
    ///
    /// # Safety
    /// See `Tile`.
    unsafe fn multiply(session: &Self::Session, tile: &Tile<'_, Self>);
    /// Returns the result's memory as that of its sums, where both have the same dtype.
    fn as_sums(results: *mut Self) -> Option<*mut f32>;

    /// The factor that the argument of [`Self::exp_of_scaled`] is to be multiplied with.
    const EXP_SCALE: f32;
    /// Computes eˣ for x ≤ 0, exactly enough for a weight of this dtype, given x times
    /// [`Self::EXP_SCALE`].
    fn exp_of_scaled(x: f32) -> f32;
    /// Rounds a weight of a softmax, from 0 to 1, to the nearest value.
    fn narrow_weight(weight: f32) -> Self;
    /// Converts the value to f32.
    fn widen(self) -> f32;
    /// Rounds to the nearest value, ties to even.
    fn narrow(value: f32) -> Self;
}

impl Element for f32 {
    type Kernel = Isa;
    type Session = Isa;

    const DEPTH: usize = 1;
    const STEP: usize = 1;
    const MAX_BLOCK_ROWS: usize = 22 * microkernel::TILE_ROWS;
    const MAX_BLOCK: usize = 128 * 1024;
    const KEY_BLOCK: usize = 256;
    const COPY_STRIDE: Option<usize> = Some(microkernel::COPY_STRIDE);
    const SUMS_IN_PLACE: bool = true;
    const EXP_SCALE: f32 = 1.0;
    const AHEAD_PARTS: usize = microkernel::AHEAD_PARTS;

    fn best() -> Isa {
        Isa::best()
    }

    fn isa(kernel: Isa) -> Isa {
        kernel
    }

    fn tile_rows(_: Isa) -> usize {
        microkernel::TILE_ROWS
    }

    fn block_length(_: Isa, inner: usize, _: usize) -> usize {
        microkernel::chain_length(inner)
    }

    fn session(kernel: Isa) -> Isa {
        kernel
    }

    #[inline]
    unsafe fn multiply(isa: &Isa, tile: &Tile<'_, f32>) {
        // SAFETY: the caller upholds the same contract.
        unsafe { microkernel::multiply(*isa, tile) }
    }

    fn as_sums(results: *mut f32) -> Option<*mut f32> {
        Some(results)
    }

    #[inline(always)]
    fn exp_of_scaled(x: f32) -> f32 {
        math::exp_nonpositive(x)
    }

    #[inline(always)]
    fn narrow_weight(weight: f32) -> f32 {
        weight
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f32) -> f32 {
        value
    }
}

impl Element for bf16 {
    type Kernel = HalfKernel;
    type Session = HalfSession;

    const DEPTH: usize = 2;
    const STEP: usize = 32;
    const MAX_BLOCK_ROWS: usize = 256;
    const MAX_BLOCK: usize = 384 * 1024;
    const KEY_BLOCK: usize = 128;
    const COPY_STRIDE: Option<usize> = None;
    const SUMS_IN_PLACE: bool = false;
    const EXP_SCALE: f32 = LOG2_E;
    const AHEAD_PARTS: usize = 8;

    fn best() -> HalfKernel {
        HalfKernel::best()
    }

    fn isa(kernel: HalfKernel) -> Isa {
        kernel.isa()
    }

    fn tile_rows(kernel: HalfKernel) -> usize {
        kernel.tile_rows()
    }

    fn block_length(kernel: HalfKernel, inner: usize, segment: usize) -> usize {
        if segment.is_multiple_of(Self::STEP) {
            kernel.block_length(inner)
        } else {
            inner.max(1)
        }
    }

    fn session(kernel: HalfKernel) -> HalfSession {
        HalfSession::new(kernel)
    }

    #[inline]
    unsafe fn multiply(session: &HalfSession, tile: &Tile<'_, bf16>) {
        // SAFETY: the caller upholds the same contract.
        unsafe { session.multiply(tile) }
    }

    fn as_sums(_: *mut bf16) -> Option<*mut f32> {
        None
    }

    #[inline(always)]
    fn exp_of_scaled(x: f32) -> f32 {
        math::rough_exp2_nonpositive(x)
    }

    /// Takes a third of the instructions of [`narrow`](Self::narrow). A NaN stays one, since
    /// arithmetic leaves its low bits zero.
    #[inline(always)]
    fn narrow_weight(weight: f32) -> bf16 {
        bf16::from_bits((weight.to_bits().wrapping_add(0x8000) >> 16) as u16)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    /// Avoids the branches of [`bf16::from_f32`], so that a loop over it becomes vector code.
    #[inline(always)]
    fn narrow(value: f32) -> bf16 {
        let bits = value.to_bits();
        let to_even = (bits >> 16) & 1;
        let rounded = bits.wrapping_add(0x7fff + to_even) >> 16;
        // Rounding could turn a NaN into an infinity.
        let quiet = (bits >> 16) | 0x40;
        bf16::from_bits(if value.is_nan() { quiet } else { rounded } as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_like_its_crate() {
        let patterns = (0..=u32::MAX).step_by(65_521);
        let halves = (0..=u16::MAX).flat_map(|high| {
            let high = u32::from(high) << 16;
            [high, high | 0x7fff, high | 0x8000, high | 0x8001]
        });
        for bits in patterns.chain(halves) {
            let value = f32::from_bits(bits);
            let (actual, expected) = (bf16::narrow(value), bf16::from_f32(value));
            assert_eq!(actual.to_bits(), expected.to_bits(), "{bits:#x}");
            if !expected.is_nan() {
                assert_eq!(actual.widen(), expected.to_f32());
            }
        }
    }

    #[test]
    fn weights_are_rounded_to_the_nearest() {
        let (patterns, midpoint) = ((0..=1.0f32.to_bits()).step_by(997), 0x8000);
        for bits in patterns.chain([0, 1, 0x3f00_7fff, 0x3f00_8001, 0x3f7f_ffff]) {
            let weight = f32::from_bits(bits);
            if bits & 0xffff != midpoint {
                assert_eq!(
                    bf16::narrow_weight(weight),
                    bf16::narrow(weight),
                    "{bits:#x}"
                );
            }
        }
        assert_eq!(
            bf16::narrow_weight(f32::from_bits(0x3f00_8000)).to_bits(),
            0x3f01
        );
        assert!(bf16::narrow_weight(f32::NAN).widen().is_nan());
    }
}
