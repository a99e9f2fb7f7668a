//! Products of bf16 with sums in f32, by the fastest instructions of the machine.
//!
//! | kernel | where | order of a sum |
//! |---|---|---|
//! | AMX | Intel since Sapphire Rapids | of every 32 terms the even and the odd ones each in a chain, both added, then added to the sum |
//! | AVX512-BF16 | AMD since Zen 4 | one chain, of every pair the odd term first |
//! | widened | elsewhere | the chains of f32, see `microkernel` |
//!
//! A kernel's order is the same for every element of every shape, so its bytes depend on the inputs
//! of the element only. The bytes of two kernels differ.
#![expect(
    unsafe_code,
    reason = "tiles read and write through pointers, and call code compiled for a CPU feature"
)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod widened;

use half::bf16;

#[cfg(target_arch = "x86_64")]
use super::isa::Level;
use super::{isa::Isa, microkernel::Tile};

/// Rows of the highest tile of any kernel.
pub(super) const MAX_TILE_ROWS: usize = 48;

/// A kernel for products of bf16; it comes only from [`HalfKernel::best`] and
/// [`HalfKernel::available`], so holding one proves that its code may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfKernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx(Isa),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(Isa),
    Widened(Isa),
}

impl HalfKernel {
    /// Returns the fastest kernel of this machine.
    #[must_use]
    pub fn best() -> Self {
        let isa = Isa::best();
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if isa.level() == Level::Avx512 && amx::is_available() {
            return Self(Kind::Amx(isa));
        }
        #[cfg(target_arch = "x86_64")]
        if isa.level() == Level::Avx512 && avx512::is_available() && avx512::is_fast() {
            return Self(Kind::Avx512Bf16(isa));
        }
        Self(Kind::Widened(isa))
    }

    /// Lists every kernel that this machine can run.
    pub fn available() -> impl Iterator<Item = Self> {
        let widened = Isa::available().map(|isa| Self(Kind::Widened(isa)));
        Self::of_instructions().chain(widened)
    }

    #[cfg(target_arch = "x86_64")]
    fn of_instructions() -> impl Iterator<Item = Self> {
        let isa = Isa::best();
        let vectors = isa.level() == Level::Avx512;
        let avx512 = (vectors && avx512::is_available()).then_some(Self(Kind::Avx512Bf16(isa)));
        #[cfg(target_os = "linux")]
        let amx = (vectors && amx::is_available()).then_some(Self(Kind::Amx(isa)));
        #[cfg(not(target_os = "linux"))]
        let amx = None;
        [amx, avx512].into_iter().flatten()
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn of_instructions() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Kind::Amx(_) => "amx-bf16",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16(_) => "avx512-bf16",
            Kind::Widened(_) => "bf16 widened to f32",
        }
    }

    /// Returns whether it multiplies bf16 faster than this machine multiplies f32.
    #[must_use]
    pub fn is_fast(self) -> bool {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Kind::Amx(_) => true,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16(_) => avx512::is_fast(),
            Kind::Widened(_) => false,
        }
    }

    /// Returns the instruction set of its vector code.
    pub(super) fn isa(self) -> Isa {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Kind::Amx(isa) => isa,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16(isa) => isa,
            Kind::Widened(isa) => isa,
        }
    }

    /// Returns the length of a block of `k`. AMX continues a sum in the next block as if there were
    /// none, so a block may be as long as a panel of it stays in the first-level cache; the others
    /// would begin another chain.
    pub(super) fn block_length(self, inner: usize) -> usize {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Kind::Amx(_) => amx::block_length(inner),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16(_) => inner.max(1),
            Kind::Widened(_) => inner.max(1),
        }
    }

    /// Returns the rows of a full tile.
    pub(super) fn tile_rows(self) -> usize {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Kind::Amx(_) => amx::ROWS,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16(_) => avx512::ROWS,
            Kind::Widened(_) => widened::ROWS,
        }
    }
}

/// A kernel set up on one thread.
#[derive(Debug)]
pub struct HalfSession {
    kernel: HalfKernel,
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    tiles: Option<amx::ConfiguredTiles>,
}

impl HalfSession {
    pub(super) fn new(kernel: HalfKernel) -> Self {
        Self {
            kernel,
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            tiles: match kernel.0 {
                // SAFETY: a kernel of this kind exists only where the tiles are permitted.
                Kind::Amx(_) => Some(unsafe { amx::ConfiguredTiles::new() }),
                Kind::Avx512Bf16(_) | Kind::Widened(_) => None,
            },
        }
    }

    /// Computes a tile.
    ///
    /// # Safety
    /// See [`Tile`].
    #[inline]
    pub(super) unsafe fn multiply(&self, tile: &Tile<'_, bf16>) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if let Some(tiles) = &self.tiles {
            // SAFETY: the caller upholds the contract.
            return unsafe { tiles.multiply(tile) };
        }
        match self.kernel.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the features are there (see `HalfKernel`), and the caller upholds the
            // contract.
            Kind::Avx512Bf16(_) => unsafe { avx512::multiply(tile) },
            // SAFETY: the caller upholds the contract.
            _ => unsafe { widened::multiply(self.kernel.isa(), tile) },
        }
    }
}

#[cfg(test)]
mod tests;
