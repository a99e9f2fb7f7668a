use super::{
    super::{
        packed::{LANE, PANEL},
        testing::{bits, random},
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
    };
    // SAFETY: rows of 50 hold both segments, the panel has 17 + 13 rows, `out` has `row_count` rows
    // wider than a tile.
    unsafe { multiply(isa, &tile) };
    out
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
