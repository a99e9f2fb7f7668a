use super::{
    super::{
        microkernel::{Segment, even_stride},
        packed::{LANE, PANEL, PackedMatrix},
        testing::{Guarded, bits, each_half_kernel, random, random_half, sum_of_half},
    },
    *,
};

/// A product whose operands all end at a guard page.
struct Product {
    left: Guarded<bf16>,
    /// Distance between rows of the left side.
    stride: usize,
    segments: Vec<Segment>,
    weight: Vec<bf16>,
    panel: Guarded<bf16>,
    lanes: usize,
    row_count: usize,
}

const OUT_STRIDE: usize = PANEL + 16;

impl Product {
    /// Builds segments of `length`, `gap` apart.
    fn new(row_count: usize, lanes: usize, (count, length, gap): (usize, usize, usize)) -> Self {
        let segments: Vec<_> = (0..count)
            .map(|index| Segment {
                offset: index * (length + gap),
                length,
            })
            .collect();
        let stride = count * (length + gap);
        let left = random_half(row_count * stride - gap, 1);
        let (columns, inner) = (lanes * LANE, count * length);
        let weight = random_half(columns * inner, 2);
        // A kernel of `count` rows has as many segments.
        let mut panel = Vec::new();
        for segment in 0..count {
            let part: Vec<_> = (0..columns)
                .flat_map(|column| &weight[column * inner + segment * length..][..length])
                .copied()
                .collect();
            panel.extend_from_slice(PackedMatrix::from_linear(&part, columns, length).data());
        }
        Self {
            left: Guarded::new(&left),
            stride,
            segments,
            weight,
            panel: Guarded::new(&panel),
            lanes,
            row_count,
        }
    }

    fn before(kernel: HalfKernel, lanes: usize) -> Vec<f32> {
        random((kernel.tile_rows() - 1) * OUT_STRIDE + lanes * LANE, 3)
    }

    fn compute(&self, kernel: HalfKernel, accumulate: bool, far: bool) -> Vec<f32> {
        let mut out = Guarded::new(&Self::before(kernel, self.lanes));
        let rows: Vec<_> = (0..kernel.tile_rows())
            .map(|row| self.left.values()[row.min(self.row_count - 1) * self.stride..].as_ptr())
            .collect();
        let tile = Tile {
            rows: &rows,
            stride: even_stride(&rows),
            row_count: self.row_count,
            segments: &self.segments,
            panel: self.panel.values().as_ptr(),
            lanes: self.lanes,
            out: out.values_mut().as_mut_ptr(),
            out_stride: OUT_STRIDE,
            accumulate,
            ahead: self.panel.values().as_ptr(),
            far,
        };
        // SAFETY: the rows hold the segments, the panel was packed for them, `out` holds a tile.
        unsafe { HalfSession::new(kernel).multiply(&tile) };
        out.values().to_vec()
    }

    /// Fails when a sum differs from that of the plain loops.
    fn check(&self, kernel: HalfKernel, accumulate: bool) {
        let actual = self.compute(kernel, accumulate, false);
        let far = self.compute(kernel, accumulate, true);
        assert_eq!(bits(&actual), bits(&far), "{kernel:?}");
        let before = Self::before(kernel, self.lanes);
        let inner = self.weight.len() / (self.lanes * LANE);
        for row in 0..self.row_count {
            for column in 0..self.lanes * LANE {
                let mut weights = self.weight[column * inner..].iter();
                let terms = |segment: &Segment| -> Vec<_> {
                    let left = &self.left.values()[row * self.stride + segment.offset..];
                    let pairs = left[..segment.length].iter().zip(&mut weights);
                    pairs.map(|(left, right)| (*left, *right)).collect()
                };
                let segments: Vec<_> = self.segments.iter().map(terms).collect();
                let at = row * OUT_STRIDE + column;
                let start = accumulate.then_some(before[at]);
                let expected = sum_of_half(kernel, &segments, start);
                assert_eq!(
                    bits(&actual[at..=at]),
                    bits(&[expected]),
                    "{kernel:?}, {} rows, {} lanes, {:?}: {row}, {column}: {} is not {expected}",
                    self.row_count,
                    self.lanes,
                    self.segments,
                    actual[at]
                );
            }
        }
    }
}

#[test]
fn every_kernel_computes_the_sums_of_the_plain_loops_and_reads_nothing_else() {
    let shapes = [
        (1, 1, 0),
        (1, 2, 0),
        (1, 31, 1),
        (1, 32, 0),
        (2, 33, 2),
        (3, 12, 20),
    ];
    let long = [
        (1, 64, 32),
        (3, 96, 7),
        (9, 40, 1),
        (1, 1500, 0),
        (2, 600, 8),
    ];
    each_half_kernel(|kernel| {
        let all = kernel.tile_rows();
        for row_count in [1, 2, 7, 12, 15, 16, 17, 31, 32, all - 1, all] {
            for segments in shapes.into_iter().chain(long) {
                for lanes in [1, 2] {
                    let product = Product::new(row_count.min(all), lanes, segments);
                    product.check(kernel, false);
                    product.check(kernel, true);
                }
            }
        }
    });
}

#[test]
fn rows_at_uneven_distances_have_the_same_sums() {
    each_half_kernel(|kernel| {
        let product = Product::new(kernel.tile_rows(), 2, (2, 40, 3));
        let straight = product.compute(kernel, false, false);
        let mut rows: Vec<_> = (0..kernel.tile_rows())
            .map(|row| product.left.values()[row * product.stride..].as_ptr())
            .collect();
        rows.reverse();
        rows[3] = rows[5];
        let mut out = Product::before(kernel, 2);
        let tile = Tile {
            rows: &rows,
            stride: even_stride(&rows),
            row_count: rows.len(),
            segments: &product.segments,
            panel: product.panel.values().as_ptr(),
            lanes: 2,
            out: out.as_mut_ptr(),
            out_stride: OUT_STRIDE,
            accumulate: false,
            ahead: product.panel.values().as_ptr(),
            far: false,
        };
        // SAFETY: as in `Product::compute`.
        unsafe { HalfSession::new(kernel).multiply(&tile) };
        for (index, row) in out.chunks(OUT_STRIDE).enumerate() {
            let source = kernel.tile_rows() - 1 - if index == 3 { 5 } else { index };
            let expected = &straight[source * OUT_STRIDE..][..PANEL];
            assert_eq!(
                bits(&row[..PANEL]),
                bits(expected),
                "{kernel:?}, row {index}"
            );
        }
    });
}

#[test]
fn a_session_inside_another_leaves_it_ready() {
    each_half_kernel(|kernel| {
        let product = Product::new(5, 2, (1, 70, 0));
        let outer = HalfSession::new(kernel);
        product.check(kernel, false);
        product.check(kernel, false);
        drop(outer);
        product.check(kernel, false);
    });
}

#[test]
fn the_best_kernel_is_one_of_the_available_ones() {
    let best = HalfKernel::best();
    assert!(HalfKernel::available().any(|kernel| kernel == best));
    assert!(best.is_fast() || best.name() == "bf16 widened to f32");
    println!("bf16 is computed by {}", best.name());
}
