use std::alloc::System;

use super::*;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 4).unwrap()
}

/// Counts the bytes that are taken from the system.
#[derive(Default)]
struct Counted(AtomicUsize);

// SAFETY: hands on to the system.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        self.0.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(start, layout) }
    }
}

fn taken(allocator: &Reusing<Counted>) -> usize {
    allocator.inner.0.load(Ordering::Relaxed)
}

#[test]
fn a_freed_block_serves_the_next_allocation_of_about_its_size() {
    let allocator = Reusing::new(Counted::default());
    // SAFETY: memory is used within its layout and freed once with it.
    unsafe {
        let first = allocator.alloc(layout(LEAST + 5));
        first.write_bytes(7, LEAST + 5);
        allocator.dealloc(first, layout(LEAST + 5));
        let second = allocator.alloc_zeroed(layout(LEAST + 900));
        assert_eq!((second, second.addr() % ALIGNMENT), (first, 0));
        let bytes = std::slice::from_raw_parts(second, LEAST + 900);
        assert!(bytes.iter().all(|byte| *byte == 0));
        let other = allocator.alloc(layout(LEAST + 900));
        assert_ne!(other, second, "it is in use");
        let small = allocator.alloc(layout(100));
        allocator.dealloc(small, layout(100));
        assert_eq!(taken(&allocator), 2 * (LEAST + LEAST / 8));
        allocator.dealloc(second, layout(LEAST + 900));
        allocator.dealloc(other, layout(LEAST + 900));
    }
}

#[test]
fn a_release_leaves_nothing_kept() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let allocator = Reusing::released_by(Counted::default(), &ASKED);
    // SAFETY: as above.
    unsafe {
        let blocks: Vec<_> = (1..4).map(|n| allocator.alloc(layout(n * LEAST))).collect();
        for (block, n) in blocks.into_iter().zip(1..) {
            allocator.dealloc(block, layout(n * LEAST));
        }
        assert_eq!(taken(&allocator), 6 * LEAST);
        ASKED.fetch_add(1, Ordering::Relaxed);
        let block = allocator.alloc(layout(2 * LEAST));
        assert_eq!(taken(&allocator), 2 * LEAST);
        allocator.dealloc(block, layout(2 * LEAST));
        assert_eq!(
            allocator.alloc(layout(2 * LEAST)),
            block,
            "it is kept again"
        );
        allocator.dealloc(block, layout(2 * LEAST));
    }
}

/// Hands out blocks between two pages of sevens, filled with them as well, and never frees them.
#[cfg(target_os = "linux")]
struct Surrounded;

// SAFETY: each block is a part of memory of its own.
#[cfg(target_os = "linux")]
unsafe impl GlobalAlloc for Surrounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() + 2 * PAGE;
        let memory = Layout::from_size_align(size, layout.align()).unwrap();
        // SAFETY: the size is not 0, and what is written and returned lies within it.
        unsafe {
            let start = System.alloc(memory);
            start.write_bytes(7, size);
            start.add(PAGE)
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_gives_the_whole_pages_of_kept_blocks_to_the_system() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let allocator = Reusing::released_by(Surrounded, &ASKED);
    // SAFETY: the block and the pages around it are never freed.
    unsafe {
        let block = allocator.alloc(layout(5 * PAGE));
        allocator.dealloc(block, layout(5 * PAGE));
        ASKED.fetch_add(1, Ordering::Relaxed);
        allocator.alloc(layout(LEAST));
        let memory = std::slice::from_raw_parts(block.sub(PAGE), 7 * PAGE);
        let dropped = |part: &[u8]| part.iter().filter(|byte| **byte == 0).count();
        let within = dropped(&memory[PAGE..6 * PAGE]);
        assert!([4 * PAGE, 5 * PAGE].contains(&within), "{within}");
        assert_eq!(dropped(memory), within, "what is not of the block stays");
    }
}

#[test]
fn contents_survive_growing_and_shrinking() {
    let allocator = Reusing::new(Counted::default());
    // SAFETY: as above.
    unsafe {
        let mut size = 1000;
        let mut memory = allocator.alloc(layout(size));
        for index in 0..size {
            memory.add(index).write(index as u8);
        }
        for next in [LEAST + 1, LEAST + 2, 5 * LEAST, LEAST, 2000] {
            memory = allocator.realloc(memory, layout(size), next);
            size = next;
            let bytes = std::slice::from_raw_parts(memory, 1000);
            assert!(
                bytes
                    .iter()
                    .zip(0..)
                    .all(|(byte, index)| *byte == index as u8)
            );
            memory.add(size - 1).write(1);
            memory.add(999).write(999_usize as u8);
        }
        allocator.dealloc(memory, layout(size));
    }
}

#[test]
fn the_oldest_blocks_are_given_back() {
    let allocator = Reusing::new(Counted::default());
    let large = layout(MOST / 4);
    // SAFETY: as above.
    unsafe {
        let blocks: Vec<_> = (0..6).map(|_| allocator.alloc(large)).collect();
        for block in &blocks {
            allocator.dealloc(*block, large);
        }
        assert_eq!(taken(&allocator), MOST);
        assert_eq!(allocator.alloc(large), blocks[5]);
        allocator.dealloc(blocks[5], large);
        let huge = layout(MOST + 1);
        let block = allocator.alloc(huge);
        allocator.dealloc(block, huge);
        assert_eq!(taken(&allocator), MOST);
        for _ in 0..2 * BLOCKS {
            let blocks: Vec<_> = (0..3).map(|_| allocator.alloc(layout(LEAST))).collect();
            blocks
                .into_iter()
                .for_each(|block| allocator.dealloc(block, layout(LEAST)));
        }
        assert!(taken(&allocator) <= MOST);
    }
}
