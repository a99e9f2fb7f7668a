//! Memory that ends at a guard page: any access beyond it, even from inline assembly, kills the
//! process.
#![expect(unsafe_code, reason = "maps memory")]

use std::{ffi::c_void, ptr::null_mut};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::super::element::Element;

/// A multiple of the page size of every system that the tests run on.
const PAGE: usize = 64 * 1024;

/// Values that end at the guard page.
pub(in super::super) struct Guarded<E> {
    mapping: *mut c_void,
    mapped: usize,
    first: *mut E,
    length: usize,
}

impl<E: Element> Guarded<E> {
    /// Copies `values`.
    pub(in super::super) fn new(values: &[E]) -> Self {
        let readable = size_of_val(values).next_multiple_of(PAGE);
        let mapped = readable + PAGE;
        // SAFETY: a new mapping, wherever the system chooses; its last page is empty.
        let mapping = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let mapping = mmap_anonymous(null_mut(), mapped, access, MapFlags::PRIVATE).unwrap();
            let guard = mapping.wrapping_byte_add(readable);
            mprotect(guard, PAGE, MprotectFlags::empty()).unwrap();
            mapping
        };
        let first: *mut E = mapping
            .wrapping_byte_add(readable - size_of_val(values))
            .cast();
        // SAFETY: the values fit between the beginning and the guard.
        unsafe { first.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
        Self {
            mapping,
            mapped,
            first,
            length: values.len(),
        }
    }

    pub(in super::super) fn values(&self) -> &[E] {
        // SAFETY: `new` has written them.
        unsafe { std::slice::from_raw_parts(self.first, self.length) }
    }

    pub(in super::super) fn values_mut(&mut self) -> &mut [E] {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.length) }
    }
}

impl<E> Drop for Guarded<E> {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and nothing borrows from it any more.
        unsafe { munmap(self.mapping, self.mapped).unwrap() };
    }
}
