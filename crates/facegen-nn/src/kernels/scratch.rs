//! Memory that starts on a cache line, and a per-thread stock of it.
#![expect(unsafe_code, reason = "lends memory of one dtype as another")]

use std::{
    cell::RefCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use super::element::Element;

/// Words in a cache line: the alignment of every buffer here.
const LINE: usize = 16;

/// A slice of floats or halves that starts on a 64-byte boundary, so that no full-width load of it
/// crosses a cache line.
///
/// The alignment is for speed alone: nothing breaks without it.
#[derive(Debug)]
pub(super) struct AlignedBuffer<E> {
    storage: Vec<u32>,
    start: usize,
    length: usize,
    element: PhantomData<E>,
}

impl<E: Element> AlignedBuffer<E> {
    const PER_WORD: usize = size_of::<u32>() / size_of::<E>();

    /// Returns a buffer of `length` zeros.
    pub(super) fn zeroed(length: usize) -> Self {
        Self::over(Vec::new(), length)
    }

    /// Reuses `storage` with its contents where it is large enough; otherwise allocates zeros.
    fn over(mut storage: Vec<u32>, length: usize) -> Self {
        let words = length.div_ceil(Self::PER_WORD) + LINE;
        if storage.len() < words {
            storage = vec![0; words];
        }
        let start = storage.as_ptr().align_offset(size_of::<u32>() * LINE);
        Self {
            storage,
            start: start.min(LINE),
            length,
            element: PhantomData,
        }
    }
}

impl<E: Element> Deref for AlignedBuffer<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        let words = &self.storage[self.start..][..self.length.div_ceil(Self::PER_WORD)];
        // SAFETY: the words hold at least `length` elements, are as aligned as any element, and
        // every bit pattern is an element.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), self.length) }
    }
}

impl<E: Element> DerefMut for AlignedBuffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        let words = &mut self.storage[self.start..][..self.length.div_ceil(Self::PER_WORD)];
        // SAFETY: as above, and every element is a valid bit pattern of a word.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), self.length) }
    }
}

thread_local! {
    static STOCK: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work` with `length` elements of this thread's scratch memory, whose contents are
/// unspecified.
///
/// Calls nest: while `work` waits inside rayon, the thread may start another task that needs its
/// own scratch memory.
pub(super) fn with_scratch<E: Element, R>(length: usize, work: impl FnOnce(&mut [E]) -> R) -> R {
    let stocked = STOCK.with_borrow_mut(Vec::pop).unwrap_or_default();
    let mut buffer = AlignedBuffer::over(stocked, length);
    let result = work(&mut buffer);
    STOCK.with_borrow_mut(|stock| stock.push(buffer.storage));
    result
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn buffers_start_on_a_cache_line_and_nest() {
        with_scratch::<f32, _>(100, |outer| {
            assert_eq!(outer.len(), 100);
            assert_eq!(outer.as_ptr().align_offset(64), 0);
            outer.fill(1.0);
            with_scratch::<bf16, _>(51, |inner| {
                assert_eq!(inner.len(), 51);
                assert_eq!(inner.as_ptr().align_offset(64), 0);
                inner.fill(bf16::ONE);
            });
            assert!(outer.iter().all(|&value| value == 1.0));
        });
        with_scratch::<f32, _>(1000, |larger| assert_eq!(larger.len(), 1000));
    }
}
