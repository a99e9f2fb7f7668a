//! The tile without instructions for bf16: both sides are widened to f32, a
//! block of `k` at a time, and multiplied like f32.
#![expect(unsafe_code, reason = "the tile reads and writes through pointers")]

use half::bf16;

use super::{
    super::{
        element::Element,
        isa::{self, Isa, Kernel},
        microkernel::{self, Segment, TILE_ROWS, Tile},
        packed::LANE,
        scratch::with_scratch,
    },
    MAX_TILE_ROWS,
};

/// Rows of a full tile: four tiles of f32, which share the widened right side.
pub(super) const ROWS: usize = 4 * TILE_ROWS;
const _: () = assert!(ROWS <= MAX_TILE_ROWS);

/// # Safety
/// See [`Tile`].
pub(super) unsafe fn multiply(isa: Isa, tile: &Tile<'_, bf16>) {
    let inner = tile.segments.iter().map(|segment| segment.length).sum();
    let step = microkernel::chain_length(inner);
    let width = tile.lanes * LANE;
    let floats = step * (ROWS + width);
    with_scratch::<f32, _>(floats, |scratch| {
        let (left, right) = scratch.split_at_mut(step * ROWS);
        let mut chain = Chain {
            isa,
            tile,
            step,
            left,
            right,
            filled: 0,
            accumulate: tile.accumulate,
        };
        let mut panel = tile.panel;
        for segment in tile.segments {
            // SAFETY: the caller upholds the contract.
            unsafe { chain.add(*segment, panel) };
            let padded = segment.length.next_multiple_of(bf16::STEP);
            panel = panel.wrapping_add(padded * width);
        }
        // SAFETY: as above.
        unsafe { chain.finish() };
    });
}

/// A block of `k` that is being widened.
struct Chain<'a> {
    isa: Isa,
    tile: &'a Tile<'a, bf16>,
    /// Length of a block.
    step: usize,
    /// `[rows][step]`
    left: &'a mut [f32],
    /// `[step][lanes][16]`
    right: &'a mut [f32],
    /// Elements of the block so far.
    filled: usize,
    accumulate: bool,
}

impl Chain<'_> {
    /// Adds a segment, whose part of the right side begins at `panel`; computes
    /// the blocks that it fills.
    ///
    /// # Safety
    /// See [`Tile`].
    unsafe fn add(&mut self, segment: Segment, panel: *const bf16) {
        let mut start = 0;
        while start < segment.length {
            let length = (segment.length - start).min(self.step - self.filled);
            // SAFETY: a part of the segment.
            unsafe { self.widen(segment, start, length, panel) };
            self.filled += length;
            start += length;
            if self.filled == self.step {
                // SAFETY: the caller upholds the contract.
                unsafe { self.finish() };
            }
        }
    }

    /// # Safety
    /// See [`add`](Self::add); `start + length` is within the segment.
    unsafe fn widen(&mut self, segment: Segment, start: usize, length: usize, panel: *const bf16) {
        let width = self.tile.lanes * LANE;
        let padded = segment.length.next_multiple_of(bf16::STEP);
        // SAFETY: the panel is readable for the whole segment with its padding.
        let panel = unsafe { std::slice::from_raw_parts(panel, padded * width) };
        isa::run(
            self.isa,
            WidenPairs {
                panel,
                width,
                start,
                out: &mut self.right[self.filled * width..][..length * width],
            },
        );
        for row in 0..self.tile.row_count {
            // SAFETY: the row is readable over the segment.
            let source = unsafe {
                let first = self.tile.rows[row].add(segment.offset + start);
                std::slice::from_raw_parts(first, length)
            };
            let out = &mut self.left[row * self.step + self.filled..][..length];
            isa::run(self.isa, Widen { source, out });
        }
    }

    /// Computes the block and starts the next.
    ///
    /// # Safety
    /// See [`Tile`].
    unsafe fn finish(&mut self) {
        if self.filled == 0 && self.accumulate {
            return;
        }
        let segments = [Segment {
            offset: 0,
            length: self.filled,
        }];
        for first in (0..self.tile.row_count).step_by(TILE_ROWS) {
            let row_count = (self.tile.row_count - first).min(TILE_ROWS);
            let rows: [*const f32; TILE_ROWS] = std::array::from_fn(|row| {
                self.left[(first + row.min(row_count - 1)) * self.step..].as_ptr()
            });
            let tile = Tile {
                rows: &rows,
                stride: None,
                row_count,
                segments: &segments,
                panel: self.right.as_ptr(),
                lanes: self.tile.lanes,
                out: self.tile.out.wrapping_add(first * self.tile.out_stride),
                out_stride: self.tile.out_stride,
                accumulate: self.accumulate,
                ahead: self.right.as_ptr(),
                far: false,
            };
            // SAFETY: rows and panel hold `filled` elements; the sums are those
            // of the caller's tile.
            unsafe { microkernel::multiply(self.isa, &tile) };
        }
        self.filled = 0;
        self.accumulate = true;
    }
}

/// Widens a run of elements.
struct Widen<'a> {
    source: &'a [bf16],
    out: &'a mut [f32],
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, source) in self.out.iter_mut().zip(self.source) {
            *out = source.widen();
        }
    }
}

/// Widens rows of a panel and separates its pairs.
struct WidenPairs<'a> {
    /// `[k / 2][width][2]`
    panel: &'a [bf16],
    width: usize,
    /// The first row to widen.
    start: usize,
    /// `[k][width]`
    out: &'a mut [f32],
}

impl Kernel for WidenPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (k, out) in (self.start..).zip(self.out.chunks_exact_mut(self.width)) {
            let pairs = &self.panel[k / 2 * 2 * self.width..][..2 * self.width];
            let pairs = pairs.as_chunks::<2>().0;
            for (out, pair) in out.iter_mut().zip(pairs) {
                *out = pair[k % 2].widen();
            }
        }
    }
}
