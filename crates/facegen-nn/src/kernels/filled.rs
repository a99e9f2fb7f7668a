//! Results that are not zeroed before they are written.
#![expect(unsafe_code, reason = "takes what was written as initialised")]

use std::mem::MaybeUninit;

use super::element::Element;

/// Returns a vector of `length` elements that `fill` writes. Zeroing it first would take up to an
/// eighth of a step of the UNet.
///
/// # Safety
/// `fill` writes every element.
pub(super) unsafe fn filled<E: Element>(
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<E>]),
) -> Vec<E> {
    let mut values = Vec::with_capacity(length);
    fill(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: the capacity is there, and the caller promises that they were written.
    unsafe { values.set_len(length) };
    values
}
