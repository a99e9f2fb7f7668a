//! Memory that starts on a cache line, and a per-thread stock of it.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

/// Floats in a cache line: the alignment of every buffer here.
const LINE: usize = 16;

/// A slice of floats that starts on a 64-byte boundary, so that no full-width load of it crosses a
/// cache line.
///
/// The alignment is for speed alone: nothing breaks without it.
#[derive(Debug, Default)]
pub(super) struct AlignedBuffer {
    storage: Vec<f32>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// A buffer of `length` zeros.
    pub(super) fn zeroed(length: usize) -> Self {
        let storage = vec![0.0; length + LINE];
        let start = storage.as_ptr().align_offset(size_of::<f32>() * LINE);
        Self {
            storage,
            start: start.min(LINE),
            length,
        }
    }

    /// Makes the buffer `length` long; what it then holds is not specified.
    fn reuse(self, length: usize) -> Self {
        if self.start + length > self.storage.len() {
            return Self::zeroed(length);
        }
        Self { length, ..self }
    }
}

impl Deref for AlignedBuffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.length]
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.length]
    }
}

thread_local! {
    static STOCK: RefCell<Vec<AlignedBuffer>> = const { RefCell::new(Vec::new()) };
}

/// Runs `work` with `length` floats of this thread's scratch memory, whose contents are not
/// specified.
///
/// Calls nest: while `work` waits inside rayon, the thread may start another task that wants
/// scratch of its own.
pub(super) fn with_scratch<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let stocked = STOCK.with_borrow_mut(Vec::pop).unwrap_or_default();
    let mut buffer = stocked.reuse(length);
    let result = work(&mut buffer);
    STOCK.with_borrow_mut(|stock| stock.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_on_a_cache_line_and_nest() {
        with_scratch(100, |outer| {
            assert_eq!(outer.len(), 100);
            assert_eq!(outer.as_ptr().align_offset(64), 0);
            outer.fill(1.0);
            with_scratch(50, |inner| inner.fill(2.0));
            assert!(outer.iter().all(|&value| value == 1.0));
        });
        with_scratch(1000, |larger| assert_eq!(larger.len(), 1000));
    }
}
