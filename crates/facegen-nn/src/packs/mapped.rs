//! The mapped bytes of a pack.
#![expect(
    unsafe_code,
    reason = "maps a file, and lends its bytes as elements and elements as bytes"
)]

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Advice, Mmap, MmapOptions, UncheckedAdvice};

use crate::kernels::Element;

/// Maps `length` bytes of a file from `offset` on, to be read.
pub(super) fn map(file: &File, offset: u64, length: usize) -> io::Result<Arc<Mmap>> {
    let mut options = MmapOptions::new();
    // SAFETY: the file is this user's, with mode 0600, and replaced by renaming, never rewritten
    // in place or cut, so the mapped bytes neither change nor vanish.
    let map = unsafe { options.offset(offset).len(length).map(file) }?;
    // Only advice: where it is not taken, pages are read when they are touched.
    let _ = map.advise(Advice::WillNeed);
    Ok(Arc::new(map))
}

/// Gives the memory of a map back to the system, which reads the file again where it is used next.
pub(super) fn release(map: &Mmap) {
    // SAFETY: nothing writes to the map, so every page comes back with the bytes that it had.
    // Only advice, too: where it is not taken, the memory stays.
    let _ = unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) };
}

/// Returns the bytes of elements.
pub(super) fn bytes<E: Element>(elements: &[E]) -> &[u8] {
    let length = size_of_val(elements);
    // SAFETY: elements are f32 or bf16, which have no padding, and any alignment suits a byte.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), length) }
}

/// Mapped elements.
pub(crate) struct MappedSlab<E> {
    map: Arc<Mmap>,
    /// Bytes of the map before them.
    start: usize,
    length: usize,
    element: PhantomData<E>,
}

impl<E: Element> MappedSlab<E> {
    /// Takes `length` elements that begin `start` bytes after the map does, where the map holds
    /// as many and they are aligned.
    pub(super) fn new(map: &Arc<Mmap>, start: usize, length: usize) -> Option<Self> {
        let bytes = map
            .get(start..)?
            .get(..length.checked_mul(size_of::<E>())?)?;
        let is_aligned = bytes.as_ptr().cast::<E>().is_aligned();
        is_aligned.then(|| Self {
            map: Arc::clone(map),
            start,
            length,
            element: PhantomData,
        })
    }
}

impl<E: Element> Deref for MappedSlab<E> {
    type Target = [E];

    #[inline]
    fn deref(&self) -> &[E] {
        let start = self.map[self.start..].as_ptr();
        // SAFETY: `new` checked length and alignment, the map lives as long as `self`, and every
        // bit pattern is an element.
        unsafe { std::slice::from_raw_parts(start.cast(), self.length) }
    }
}
