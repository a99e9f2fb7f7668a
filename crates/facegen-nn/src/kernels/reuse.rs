//! An allocator that keeps large blocks for the next layer.
//!
//! Every layer writes its result to new memory, and most results are large: the system would unmap
//! each, map it again for the next layer and clear it page by page, while the other threads wait.
#![expect(unsafe_code, reason = "an allocator hands out memory by pointers")]

use std::alloc::{GlobalAlloc, Layout};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(target_os = "linux")]
use rustix::mm::{Advice, madvise};

/// Bytes of the smallest block that is kept: results of the coarsest level of a UNet are not much
/// larger, and an allocator below gives the pages of such blocks back within milliseconds.
const LEAST: usize = 64 << 10;
/// Bytes that are kept at most, all blocks together.
const MOST: usize = 1 << 30;
/// Blocks that are kept at most.
const BLOCKS: usize = 256;
/// The alignment of kept blocks, a cache line; memory of a greater one is not kept.
const ALIGNMENT: usize = 64;
/// The largest page that Linux divides memory into, on any processor.
#[cfg(target_os = "linux")]
const PAGE: usize = 64 << 10;

/// How often [`release`] was called.
static RELEASES: AtomicUsize = AtomicUsize::new(0);

/// Lets every allocator give the blocks that it keeps back, with its next large allocation: nothing
/// of their sizes is computed for now.
pub fn release() {
    RELEASES.fetch_add(1, Ordering::Relaxed);
}

/// Takes memory from `A`, and keeps freed blocks of at least 64 KiB, up to 1 GiB in all, for
/// allocations of about the same size, until [`release`] is called.
pub struct Reusing<A> {
    inner: A,
    /// How often the blocks had to be given back.
    releases: &'static AtomicUsize,
    kept: Mutex<Kept>,
}

/// The kept blocks, the oldest first.
struct Kept {
    blocks: [Block; BLOCKS],
    count: usize,
    bytes: usize,
    /// The number of releases that were done.
    releases: usize,
}

#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    size: usize,
}

// SAFETY: a kept block belongs to no one else.
unsafe impl Send for Block {}

#[cfg(target_os = "linux")]
impl Block {
    /// Gives its whole pages to the system, which clears them when they are next written to: an
    /// allocator below would keep them for a while, in addition to what is allocated next.
    fn drop_pages(self) {
        let skipped = self.start.align_offset(PAGE);
        let pages = self.size.saturating_sub(skipped) / PAGE * PAGE;
        if pages > 0 {
            // SAFETY: the pages lie within the block, whose contents no one reads again. A failure
            // leaves them as they are.
            let _ = unsafe {
                let start = self.start.add(skipped);
                madvise(start.cast(), pages, Advice::LinuxDontNeed)
            };
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Block {
    fn drop_pages(self) {}
}

impl<A> Reusing<A> {
    /// Keeps blocks of `inner`.
    pub const fn new(inner: A) -> Self {
        Self::released_by(inner, &RELEASES)
    }

    const fn released_by(inner: A, releases: &'static AtomicUsize) -> Self {
        const NONE: Block = Block {
            start: std::ptr::null_mut(),
            size: 0,
        };
        Self {
            inner,
            releases,
            kept: Mutex::new(Kept {
                blocks: [NONE; BLOCKS],
                count: 0,
                bytes: 0,
                releases: 0,
            }),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: GlobalAlloc> Reusing<A> {
    /// The kept blocks, of which there are none after a release.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.locked();
        let releases = self.releases.load(Ordering::Relaxed);
        if kept.releases != releases {
            kept.releases = releases;
            while kept.count > 0 {
                let block = kept.remove_oldest();
                block.drop_pages();
                self.give_back(block);
            }
        }
        kept
    }

    fn give_back(&self, block: Block) {
        // SAFETY: kept blocks were allocated with this alignment and their size, and this one is
        // kept no longer.
        unsafe {
            let layout = Layout::from_size_align_unchecked(block.size, ALIGNMENT);
            self.inner.dealloc(block.start, layout);
        }
    }
}

/// Returns the layout of the block for an allocation, if it is one that is kept: sizes are rounded
/// up by at most an eighth, so that similar ones can take turns.
fn block_of(layout: Layout) -> Option<Layout> {
    if layout.size() < LEAST || layout.align() > ALIGNMENT {
        return None;
    }
    let step = 1 << (layout.size().ilog2() - 3);
    let size = layout.size().checked_next_multiple_of(step)?;
    Layout::from_size_align(size, ALIGNMENT).ok()
}

impl Kept {
    /// Takes the block of that size that was freed last.
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let of_size = |block: &Block| block.size == size;
        let index = self.blocks[..self.count].iter().rposition(of_size)?;
        Some(self.remove(index).start)
    }

    fn remove_oldest(&mut self) -> Block {
        self.remove(0)
    }

    fn remove(&mut self, index: usize) -> Block {
        let block = self.blocks[index];
        self.blocks.copy_within(index + 1..self.count, index);
        self.count -= 1;
        self.bytes -= block.size;
        block
    }

    /// Returns whether there is no room for a block of that size.
    fn is_full(&self, size: usize) -> bool {
        self.count == BLOCKS || self.bytes + size > MOST
    }
}

// SAFETY: blocks come from `inner` with the layout `block_of` that of the allocation, which contains
// it, and go back with the same; a block is handed out once until it is freed.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Reusing<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(block) = block_of(layout) else {
            // SAFETY: the caller upholds the contract.
            return unsafe { self.inner.alloc(layout) };
        };
        let kept = self.kept().take(block.size());
        // SAFETY: the size is not 0.
        kept.unwrap_or_else(|| unsafe { self.inner.alloc(block) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(block) = block_of(layout) else {
            // SAFETY: the caller upholds the contract.
            return unsafe { self.inner.alloc_zeroed(layout) };
        };
        let Some(start) = self.kept().take(block.size()) else {
            // SAFETY: the size is not 0.
            return unsafe { self.inner.alloc_zeroed(block) };
        };
        // SAFETY: the block is as long.
        unsafe { start.write_bytes(0, layout.size()) };
        start
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let Some(block) = block_of(layout) else {
            // SAFETY: the caller upholds the contract.
            return unsafe { self.inner.dealloc(start, layout) };
        };
        let size = block.size();
        if size > MOST {
            // SAFETY: it was allocated with this layout.
            return unsafe { self.inner.dealloc(start, block) };
        }
        loop {
            let mut kept = self.kept();
            if !kept.is_full(size) {
                let count = kept.count;
                kept.blocks[count] = Block { start, size };
                kept.count += 1;
                kept.bytes += size;
                return;
            }
            let oldest = kept.remove_oldest();
            drop(kept);
            self.give_back(oldest);
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is one of a layout.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (block_of(layout), block_of(wanted)) {
            // SAFETY: the caller upholds the contract.
            (None, None) => unsafe { self.inner.realloc(start, layout, size) },
            (before, after) if before == after => start,
            // SAFETY: both are as long as what is copied, and differ.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(start, layout.size().min(size));
                    self.dealloc(start, layout);
                }
                moved
            },
        }
    }
}

impl<A> fmt::Debug for Reusing<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blocks, bytes) = {
            let kept = self.locked();
            (kept.count, kept.bytes)
        };
        formatter
            .debug_struct("Reusing")
            .field("blocks", &blocks)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
