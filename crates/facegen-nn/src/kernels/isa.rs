//! The instruction set that the kernels run on, detected once.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "calling a function compiled for a CPU feature is unsafe until the feature is known to be there"
    )
)]

use std::sync::OnceLock;

/// An instruction set that this CPU has; it comes only from [`Isa::best`] and [`Isa::available`],
/// so holding one proves that its code may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// AVX-512F, with the AVX2 and FMA that every such CPU has.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, compiled for the target's baseline.
    Portable,
}

impl Isa {
    /// Returns the fastest instruction set of this CPU.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self(detect().next().unwrap_or(Level::Portable)))
    }

    /// Lists every instruction set that this CPU can run, the fastest first and the portable one
    /// last.
    pub fn available() -> impl Iterator<Item = Self> {
        detect().map(Self)
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx-512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            Level::Portable => "any processor",
        }
    }

    pub(super) fn level(self) -> Level {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> impl Iterator<Item = Level> {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = avx2 && is_x86_feature_detected!("avx512f");
    let levels = [
        (avx512, Level::Avx512),
        (avx2, Level::Avx2),
        (true, Level::Portable),
    ];
    levels
        .into_iter()
        .filter_map(|(present, level)| present.then_some(level))
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> impl Iterator<Item = Level> {
    std::iter::once(Level::Portable)
}

/// Asks for the cache line of an element, which will be read soon: only a hint, that any address may
/// be given to.
#[inline(always)]
pub(super) fn fetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads nothing, and every x86-64 has the instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// A piece of plain code that [`run`] compiles once for every instruction set.
///
/// `run` must be `#[inline(always)]`, and so must everything hot that it calls: only code inlined
/// into the wrappers below is compiled with their features. No instruction set changes the results,
/// because rustc neither reorders floating-point arithmetic nor fuses it on its own.
pub(super) trait Kernel {
    /// The result of the kernel.
    type Output;
    /// Runs the kernel.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` with the vector instructions of `isa`.
#[inline]
pub(super) fn run<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` of this level exists only where `detect` found these features.
        Level::Avx512 => unsafe { run_avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx2 => unsafe { run_avx2(kernel) },
        Level::Portable => kernel.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
