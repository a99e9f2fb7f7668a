//! The use of the tile registers.

use super::super::super::microkernel::EVEN_ROWS;

/// Rows of a full tile: two registers of 16.
pub(in super::super) const ROWS: usize = 32;
/// Rows of a register.
pub(super) const REGISTER_ROWS: usize = EVEN_ROWS;
/// Elements of `k` in a register.
pub(super) const STEP: usize = 32;
/// Runs of one product: those of a 3 × 3 convolution, with a little room.
pub(super) const RUNS: usize = 8;
