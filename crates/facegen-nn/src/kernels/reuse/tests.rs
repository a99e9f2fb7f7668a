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

#[cfg(target_os = "linux")]
#[test]
fn a_block_gives_its_whole_pages_to_the_system() {
    let memory = layout(5 * PAGE);
    // SAFETY: the memory is written before it is read, and freed once.
    unsafe {
        let start = System.alloc(memory);
        start.write_bytes(7, 5 * PAGE);
        let (offset, size) = (100, 4 * PAGE - 100);
        Block {
            start: start.add(offset),
            size,
        }
        .drop_pages();
        let bytes = std::slice::from_raw_parts(start, 5 * PAGE);
        let dropped = bytes.iter().filter(|byte| **byte == 0).count();
        assert!(dropped == 2 * PAGE || dropped == 3 * PAGE, "{dropped}");
        let within = |byte: &u8| *byte == 7;
        assert!(bytes[..offset].iter().all(within));
        assert!(bytes[offset + size..].iter().all(within));
        System.dealloc(start, memory);
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
