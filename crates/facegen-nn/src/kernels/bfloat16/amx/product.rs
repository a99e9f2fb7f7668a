//! The AMX instructions.
#![expect(
    unsafe_code,
    reason = "instructions that stable Rust has no functions for"
)]

use std::arch::asm;

use half::bf16;

use super::{
    super::super::microkernel::Tile,
    registers::{REGISTER_ROWS, RUNS},
};

/// The configuration of the tile registers; the layout is the processor's.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight registers of 16 rows of 64 bytes, the full size of each.
static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Configures the tile registers of this thread.
///
/// # Safety
/// The process may use them.
pub(super) unsafe fn configure() {
    // SAFETY: the configuration is valid, 64 bytes long, and `'static`.
    unsafe {
        asm!(
            "ldtilecfg [{configuration}]",
            configuration = in(reg) &raw const CONFIGURATION,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly, preserves_flags),
        );
    }
}

/// Releases the configuration.
///
/// # Safety
/// The process may use the tiles.
pub(super) unsafe fn release() {
    // SAFETY: tile registers hold no data outside an assembly block.
    unsafe {
        asm!(
            "tilerelease",
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// Whole steps of 32 elements of `k` in 2 × 16 rows. The layout is that of the assembly below.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Run {
    low: *const bf16,
    high: *const bf16,
    stride: usize,
    steps: usize,
}

impl Run {
    const NOTHING: Self = Self::new(std::ptr::null(), std::ptr::null(), 0, 0);

    /// Describes `steps` steps of the 16 rows from `low` and of those from `high`, `stride` bytes
    /// apart.
    pub(super) const fn new(
        low: *const bf16,
        high: *const bf16,
        stride: usize,
        steps: usize,
    ) -> Self {
        Self {
            low,
            high,
            stride,
            steps,
        }
    }
}

/// The sums of a tile while runs are added to them.
pub(super) struct Product {
    /// Runs that are to be computed together.
    runs: [Run; RUNS],
    waiting: usize,
    panel: *const bf16,
    lanes: usize,
    out: *mut f32,
    /// In bytes.
    out_stride: usize,
    accumulate: bool,
    /// What is fetched meanwhile.
    ahead: *const bf16,
    far: bool,
}

impl Product {
    pub(super) fn new(tile: &Tile<'_, bf16>) -> Self {
        Self {
            runs: [Run::NOTHING; RUNS],
            waiting: 0,
            panel: tile.panel,
            lanes: tile.lanes,
            out: tile.out,
            out_stride: tile.out_stride * size_of::<f32>(),
            accumulate: tile.accumulate,
            ahead: tile.ahead,
            far: tile.far,
        }
    }

    /// Adds the products of a run with the next steps of the panel; [`flush`](Self::flush) computes
    /// them at the latest.
    ///
    /// # Safety
    /// The tiles are configured. The rows of the run are readable until the flush, the panel for as
    /// many steps, and the sums are writable for 32 rows.
    #[inline]
    pub(super) unsafe fn add(&mut self, run: Run) {
        if run.steps == 0 {
            return;
        }
        if self.waiting == RUNS {
            // SAFETY: the caller has promised it for the pending runs.
            unsafe { self.flush() };
        }
        self.runs[self.waiting] = run;
        self.waiting += 1;
    }

    /// Computes the pending runs and stores the sums, which are zeros if there never were any.
    ///
    /// # Safety
    /// See [`add`](Self::add).
    #[inline]
    pub(super) unsafe fn flush(&mut self) {
        if self.waiting == 0 && self.accumulate {
            return;
        }
        // SAFETY: the caller upholds the contract; the panel is one or two lanes wide.
        unsafe {
            match (self.lanes, self.far) {
                (1, _) => one_lane(self),
                (_, true) => two_lanes_of_far_rows(self),
                (_, false) => two_lanes(self),
            }
        }
        self.waiting = 0;
        self.accumulate = true;
    }
}

/// Defines a function that adds the products of the waiting runs with the panel and takes what it
/// read of the panel off. In its assembly, sums are `tmm0` to `tmm3`, the left side is `tmm4` and
/// `tmm5`, the right side `tmm6` and `tmm7`.
macro_rules! product {
    ($name:ident, left: $left:literal, panel row: $row:literal, panel step: $step:literal, zero: $($zero:literal)*, load: $($load:literal)*,
        multiply: $($multiply:literal)*, store: $($store:literal)*) => {
        /// # Safety
        /// See [`Product::add`] and [`Product::flush`].
        #[inline]
        unsafe fn $name(product: &mut Product) {
            let ends = product.runs[..product.waiting].as_ptr_range();
            let out_high = product.out.wrapping_byte_add(REGISTER_ROWS * product.out_stride);
            // SAFETY: the caller promises the rows of every run, the panel and the sums; nothing
            // else is read or written, and no stack is used.
            unsafe {
                asm!(
                    "test {low}, {low}",
                    "jnz 2f",
                    $($zero,)*
                    "jmp 3f",
                    "2:",
                    $($load,)*
                    "3:",
                    "cmp {runs}, {last}",
                    "je 5f",
                    "mov {low}, [{runs}]",
                    "mov {high}, [{runs} + 8]",
                    "mov {stride}, [{runs} + 16]",
                    "mov {steps}, [{runs} + 24]",
                    "add {runs}, 32",
                    "4:",
                    concat!($left, " tmm4, [{low} + {stride}*1]"),
                    concat!($left, " tmm5, [{high} + {stride}*1]"),
                    $($multiply,)*
                    "add {low}, 64",
                    "add {high}, 64",
                    concat!("add {panel}, ", $step),
                    "add {ahead}, 256",
                    "dec {steps}",
                    "jnz 4b",
                    "jmp 3b",
                    "5:",
                    $($store,)*
                    runs = inout(reg) ends.start => _,
                    last = in(reg) ends.end,
                    panel = inout(reg) product.panel,
                    panel_row = in(reg) $row,
                    ahead = inout(reg) product.ahead,
                    out = in(reg) product.out,
                    out_high = in(reg) out_high,
                    out_row = in(reg) product.out_stride,
                    // At first whether to add to earlier sums.
                    low = inout(reg) usize::from(product.accumulate) => _,
                    high = out(reg) _,
                    stride = out(reg) _,
                    steps = out(reg) _,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

/// Defines the product with a panel of two lanes.
macro_rules! two_lanes {
    ($name:ident, $left:literal) => {
        product! {
            $name, left: $left, panel row: 128usize, panel step: 2048,
            zero: "tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3",
            load:
                "tileloadd tmm0, [{out} + {out_row}*1]"
                "tileloadd tmm1, [{out} + {out_row}*1 + 64]"
                "tileloadd tmm2, [{out_high} + {out_row}*1]"
                "tileloadd tmm3, [{out_high} + {out_row}*1 + 64]",
            multiply:
                "tileloadd tmm6, [{panel} + {panel_row}*1]"
                "tileloadd tmm7, [{panel} + {panel_row}*1 + 64]"
                "tdpbf16ps tmm0, tmm4, tmm6"
                "prefetcht1 [{ahead}]"
                "tdpbf16ps tmm1, tmm4, tmm7"
                "prefetcht1 [{ahead} + 64]"
                "tdpbf16ps tmm2, tmm5, tmm6"
                "prefetcht1 [{ahead} + 128]"
                "tdpbf16ps tmm3, tmm5, tmm7"
                "prefetcht1 [{ahead} + 192]",
            store:
                "tilestored [{out} + {out_row}*1], tmm0"
                "tilestored [{out} + {out_row}*1 + 64], tmm1"
                "tilestored [{out_high} + {out_row}*1], tmm2"
                "tilestored [{out_high} + {out_row}*1 + 64], tmm3"
        }
    };
}

two_lanes! { two_lanes, "tileloadd" }
// The hint leaves the first-level cache to the panel: up to a fifth faster where rows come from the
// second.
two_lanes! { two_lanes_of_far_rows, "tileloaddt1" }

product! {
    one_lane, left: "tileloadd", panel row: 64usize, panel step: 1024,
    zero: "tilezero tmm0" "tilezero tmm2",
    load:
        "tileloadd tmm0, [{out} + {out_row}*1]"
        "tileloadd tmm2, [{out_high} + {out_row}*1]",
    multiply:
        "tileloadd tmm6, [{panel} + {panel_row}*1]"
        "tdpbf16ps tmm0, tmm4, tmm6"
        "tdpbf16ps tmm2, tmm5, tmm6",
    store:
        "tilestored [{out} + {out_row}*1], tmm0"
        "tilestored [{out_high} + {out_row}*1], tmm2"
}
