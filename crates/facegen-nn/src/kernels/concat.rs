//! Rows of two matrices side by side.
#![expect(
    unsafe_code,
    reason = "writes all of a result that is not zeroed first"
)]

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{element::Element, filled::filled};

/// Elements of one parallel task.
const CHUNK: usize = 64 * 1024;

/// Returns rows that consist of one of `left`, of `widths.0` elements, and one of `right`, of
/// `widths.1`.
///
/// # Panics
/// Panics when the slices do not consist of as many whole rows.
pub fn concat_rows<E: Element>(left: &[E], right: &[E], widths: (usize, usize)) -> Vec<E> {
    let width = widths.0 + widths.1;
    let rows = left.len().checked_div(widths.0).unwrap_or(0);
    assert_eq!(
        (left.len(), right.len()),
        (rows * widths.0, rows * widths.1),
        "rows to be joined"
    );
    let task = (CHUNK / width.max(1)).max(1);
    // SAFETY: every row of the result belongs to a task, which writes both parts of it.
    unsafe {
        filled(rows * width, |out| {
            let tasks = out
                .par_chunks_mut(task * width)
                .zip(left.par_chunks(task * widths.0))
                .zip(right.par_chunks(task * widths.1));
            tasks.for_each(|((out, left), right)| join(out, left, right, widths));
        })
    }
}

fn join<E: Element>(out: &mut [MaybeUninit<E>], left: &[E], right: &[E], widths: (usize, usize)) {
    let rows = left
        .chunks_exact(widths.0)
        .zip(right.chunks_exact(widths.1));
    for (out, (left, right)) in out.chunks_exact_mut(widths.0 + widths.1).zip(rows) {
        let (first, second) = out.split_at_mut(widths.0);
        first.write_copy_of_slice(left);
        second.write_copy_of_slice(right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_joined_one_by_one() {
        for (rows, widths) in [(1, (1, 1)), (3, (2, 5)), (CHUNK + 1, (1, 3))] {
            let value = |side: usize, at: usize| (2 * at + side) as f32;
            let side = |side: usize, width: usize| -> Vec<f32> {
                (0..rows * width).map(|at| value(side, at)).collect()
            };
            let (left, right) = (side(0, widths.0), side(1, widths.1));
            let joined = concat_rows(&left, &right, widths);
            assert_eq!(joined.len(), left.len() + right.len());
            for (row, joined) in joined.chunks(widths.0 + widths.1).enumerate() {
                assert_eq!(joined[..widths.0], left[row * widths.0..][..widths.0]);
                assert_eq!(joined[widths.0..], right[row * widths.1..][..widths.1]);
            }
        }
    }
}
