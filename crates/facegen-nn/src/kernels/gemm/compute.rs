//! The computation of a block, by the loops that suit its dtype.
#![expect(unsafe_code, reason = "blocks write disjoint rows of one output")]

use std::ops::Range;

use rayon::prelude::*;

use super::{
    super::element::Element,
    block::Block,
    {by_depth, by_panel},
};

/// Computes a block, its panels split into `groups` parallel tasks.
///
/// # Safety
/// Nothing else reads or writes the block's rows of the output meanwhile.
pub(in super::super) unsafe fn compute_block<E: Element>(block: &Block<'_, E>, groups: usize) {
    let panels = block.check();
    if groups <= 1 {
        return compute_panels(block, 0..panels);
    }
    let tasks = (0..groups).into_par_iter().with_max_len(1);
    tasks.for_each(|group| {
        compute_panels(
            block,
            group * panels / groups..(group + 1) * panels / groups,
        );
    });
}

/// Computes a few panels, or their products with their gates.
fn compute_panels<E: Element>(block: &Block<'_, E>, panels: Range<usize>) {
    if block.gated || !E::SUMS_IN_PLACE {
        by_panel::compute(block, panels);
    } else {
        by_depth::compute(block, panels);
    }
}
