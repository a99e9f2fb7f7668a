//! A result that several tasks write at once, each its own part.
#![expect(unsafe_code, reason = "tasks write disjoint rectangles of one slice")]

use std::{marker::PhantomData, mem::MaybeUninit, ops::Range};

use super::super::element::Element;

/// A result `[rows][width]` whose rectangles are written by different tasks.
#[derive(Debug)]
pub(in super::super) struct SharedOutput<'a, E> {
    first: *mut MaybeUninit<E>,
    length: usize,
    width: usize,
    borrowed: PhantomData<&'a mut [MaybeUninit<E>]>,
}

// SAFETY: the pointer stands for an exclusive borrow of numbers, which may move between threads;
// every access uses `row` or `rectangle`, whose callers promise that no two of them overlap.
unsafe impl<E: Element> Send for SharedOutput<'_, E> {}
// SAFETY: as above.
unsafe impl<E: Element> Sync for SharedOutput<'_, E> {}

impl<'a, E: Element> SharedOutput<'a, E> {
    /// Shares `out`, whose rows are `width` long.
    pub(in super::super) fn new(out: &'a mut [MaybeUninit<E>], width: usize) -> Self {
        Self {
            first: out.as_mut_ptr(),
            length: out.len(),
            width,
            borrowed: PhantomData,
        }
    }

    /// Shares elements that are initialised.
    pub(in super::super) fn over(out: &'a mut [E], width: usize) -> Self {
        Self {
            first: out.as_mut_ptr().cast(),
            length: out.len(),
            width,
            borrowed: PhantomData,
        }
    }

    /// Returns the number of elements.
    pub(in super::super) fn len(&self) -> usize {
        self.length
    }

    /// Returns the number of rows.
    pub(in super::super) fn rows(&self) -> usize {
        self.length / self.width
    }

    /// Returns the length of a row.
    pub(in super::super) fn width(&self) -> usize {
        self.width
    }

    /// Borrows a part of a row.
    ///
    /// # Safety
    /// Nothing else reads or writes these elements while the slice lives.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "the caller promises that no two slices overlap"
    )]
    pub(in super::super) unsafe fn row(
        &self,
        row: usize,
        columns: Range<usize>,
    ) -> &mut [MaybeUninit<E>] {
        let first = self.rectangle(row, 1, columns.clone());
        // SAFETY: in bounds, which `rectangle` checked, and exclusive, which the caller promises.
        unsafe { std::slice::from_raw_parts_mut(first, columns.len()) }
    }

    /// Returns the first element of a rectangle of `row_count` rows, `width` apart, inside the
    /// result.
    #[inline]
    pub(in super::super) fn rectangle(
        &self,
        row: usize,
        row_count: usize,
        columns: Range<usize>,
    ) -> *mut MaybeUninit<E> {
        assert!(
            columns.start <= columns.end && columns.end <= self.width,
            "columns of a tile"
        );
        assert!(row + row_count <= self.rows(), "rows of a tile");
        self.first.wrapping_add(row * self.width + columns.start)
    }
}
