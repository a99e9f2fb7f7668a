//! The peak rate of a kernel, limited by its arithmetic alone: the reference for other rates.
#![expect(unsafe_code, reason = "hands the microkernel its pointers")]

use super::{
    element::Element,
    microkernel::{Segment, Tile, even_stride},
    packed::{PANEL, PackedMatrix},
    scratch::AlignedBuffer,
};

/// Length of the sums: both sides fit the first-level cache.
const INNER: usize = 256;

/// One tile of the fastest kernel, with operands that stay in the first-level cache.
#[derive(Debug)]
pub struct Peak<E: Element> {
    left: AlignedBuffer<E>,
    right: PackedMatrix<E>,
    sums: AlignedBuffer<f32>,
}

impl<E: Element> Default for Peak<E> {
    fn default() -> Self {
        Self {
            left: AlignedBuffer::zeroed(E::tile_rows(E::best()) * INNER),
            right: PackedMatrix::from_linear(&[E::default(); PANEL * INNER], PANEL, INNER),
            sums: AlignedBuffer::zeroed(E::tile_rows(E::best()) * PANEL),
        }
    }
}

impl<E: Element> Peak<E> {
    /// Computes the tile `times` times and returns the number of multiplications and additions.
    pub fn run(&mut self, times: usize) -> usize {
        let rows_of_tile = E::tile_rows(E::best());
        let session = E::session(E::best());
        let rows: Vec<_> = self.left.chunks_exact(INNER).map(<[E]>::as_ptr).collect();
        let segments = [Segment {
            offset: 0,
            length: INNER,
        }];
        for _ in 0..times {
            let tile = Tile {
                rows: &rows,
                stride: even_stride(&rows),
                row_count: rows_of_tile,
                segments: &segments,
                panel: self.right.data().as_ptr(),
                ahead: self.right.data().as_ptr(),
                far: false,
                lanes: 2,
                out: self.sums.as_mut_ptr(),
                out_stride: PANEL,
                accumulate: false,
            };
            // SAFETY: the rows are as long as the segment, the panel was packed for it, and the
            // sums are a whole tile.
            unsafe { E::multiply(&session, &tile) };
        }
        2 * times * rows_of_tile * PANEL * INNER
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn the_work_is_counted() {
        assert_eq!(Peak::<f32>::default().run(3), 3 * 2 * 12 * 32 * 256);
        let rows = bf16::tile_rows(bf16::best());
        assert_eq!(Peak::<bf16>::default().run(2), 2 * 2 * rows * 32 * 256);
    }
}
