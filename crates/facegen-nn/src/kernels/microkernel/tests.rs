use super::{
    super::{
        packed::{LANE, PANEL},
        testing::{Guarded, bits, random},
    },
    *,
};

/// Computes a product of `row_count` rows over two segments, with `out` wider than the tile.
fn compute(isa: Isa, row_count: usize, lanes: usize, accumulate: bool) -> Vec<f32> {
    const STRIDE: usize = PANEL + 3;
    let (left, panel) = (random(row_count * 50, 1), random(30 * lanes * LANE, 2));
    let mut out = random(row_count * STRIDE, 3);
    let segments = [
        Segment {
            offset: 2,
            length: 17,
        },
        Segment {
            offset: 30,
            length: 13,
        },
    ];
    let rows: [*const f32; TILE_ROWS] =
        std::array::from_fn(|row| left[row.min(row_count - 1) * 50..].as_ptr());
    let tile = Tile {
        rows: &rows,
        stride: None,
        row_count,
        segments: &segments,
        panel: panel.as_ptr(),
        lanes,
        out: out.as_mut_ptr(),
        out_stride: STRIDE,
        accumulate,
        ahead: panel.as_ptr(),
        far: false,
    };
    // SAFETY: rows of 50 hold both segments, the panel has 17 + 13 rows, `out` has `row_count` rows
    // wider than a tile.
    unsafe { multiply(isa, &tile) };
    out
}

/// Rows at the distance of copies, which end at a guard page like the panel.
#[test]
fn copied_rows_have_the_same_sums() {
    for isa in Isa::available() {
        for row_count in [1, 6, 7, 11, TILE_ROWS] {
            let length = MAX_CHAIN;
            let left = random((TILE_ROWS - 1) * COPY_STRIDE + length, 1);
            let (left, panel) = (
                Guarded::new(&left),
                Guarded::new(&random(length * PANEL, 2)),
            );
            let rows: Vec<_> = (0..TILE_ROWS)
                .map(|row| left.values()[row.min(row_count - 1) * COPY_STRIDE..].as_ptr())
                .collect();
            let mut out = Guarded::new(&vec![0.0; row_count * PANEL]);
            let tile = Tile {
                rows: &rows,
                stride: even_stride(&rows),
                row_count,
                segments: &[Segment { offset: 0, length }],
                panel: panel.values().as_ptr(),
                lanes: 2,
                out: out.values_mut().as_mut_ptr(),
                out_stride: PANEL,
                accumulate: true,
                ahead: panel.values().as_ptr().wrapping_add(panel.values().len()),
                far: false,
            };
            // SAFETY: rows and panel hold the segment, `out` has as many rows as the tile.
            unsafe { multiply(isa, &tile) };
            for (at, sum) in out.values().iter().enumerate() {
                let row = &left.values()[at / PANEL * COPY_STRIDE..][..length];
                let column = panel.values()[at % PANEL..].iter().step_by(PANEL);
                let chain = row
                    .iter()
                    .zip(column)
                    .fold(0.0f32, |sum, (l, r)| l.mul_add(*r, sum));
                assert_eq!(*sum, chain, "{isa:?}, {row_count} rows: {at}");
            }
        }
    }
}

/// Computes the same with three loops.
fn expected(row_count: usize, lanes: usize, accumulate: bool) -> Vec<f32> {
    const STRIDE: usize = PANEL + 3;
    let (left, panel) = (random(row_count * 50, 1), random(30 * lanes * LANE, 2));
    let mut out = random(row_count * STRIDE, 3);
    for row in 0..row_count {
        for column in 0..lanes * LANE {
            let element = &mut out[row * STRIDE + column];
            let start = if accumulate { *element } else { 0.0 };
            let chain = (2..19).chain(30..43).enumerate().fold(0.0, |sum, (k, at)| {
                left[row * 50 + at].mul_add(panel[k * lanes * LANE + column], sum)
            });
            *element = start + chain;
        }
    }
    out
}

#[test]
fn every_instruction_set_computes_the_chain_of_the_plain_loops() {
    for isa in Isa::available() {
        for row_count in 1..=TILE_ROWS {
            for (lanes, accumulate) in [(1, false), (1, true), (2, false), (2, true)] {
                let actual = compute(isa, row_count, lanes, accumulate);
                let expected = expected(row_count, lanes, accumulate);
                assert_eq!(
                    bits(&actual),
                    bits(&expected),
                    "{isa:?}, {row_count} rows, {lanes} lanes"
                );
            }
        }
    }
}
