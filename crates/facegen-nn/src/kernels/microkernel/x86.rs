//! The tile for AVX-512F and for AVX2 with FMA.
#![expect(
    unsafe_code,
    reason = "the tile reads and writes through pointers, with vector instructions"
)]

use std::arch::x86_64::{
    __m256, __m512, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{super::packed::LANE, AHEAD_PARTS, COPY_STRIDE, Tile};

/// # Safety
/// See [`Tile`]; the CPU has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn compute_avx512(tile: &Tile<'_, f32>) {
    // SAFETY: the same contract; the rows computed are at least those stored.
    unsafe {
        match (tile.row_count, tile.lanes) {
            (1, 1) => avx512::<1, 1, false>(tile),
            (1, _) => avx512::<1, 2, false>(tile),
            (2..=6, 1) => avx512::<6, 1, false>(tile),
            (2..=6, _) => avx512::<6, 2, false>(tile),
            (_, 1) => avx512::<12, 1, false>(tile),
            _ if tile.stride == Some(COPY_STRIDE * size_of::<f32>()) => avx512::<12, 2, true>(tile),
            _ => avx512::<12, 2, false>(tile),
        }
    }
}

/// Rows of a panel that are fetched into the first-level cache before they are read.
const NEAR_ROWS: usize = 8;

/// # Safety
/// See [`compute_avx512`]; `ROWS` ≥ `row_count` and `LANES` = `lanes`; with `COPIED`, rows are
/// [`COPY_STRIDE`] apart.
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const ROWS: usize, const LANES: usize, const COPIED: bool>(tile: &Tile<'_, f32>) {
    // What is fetched of what comes later with each row of a panel, in bytes.
    let part = LANES * LANE * size_of::<f32>() / AHEAD_PARTS;
    let mut sums: [[__m512; LANES]; ROWS] = [[_mm512_setzero_ps(); LANES]; ROWS];
    let (mut panel, mut ahead) = (tile.panel, tile.ahead);
    for row in 0..tile.row_count {
        for lane in 0..LANES {
            fetch::<_MM_HINT_T0>(tile.out.wrapping_add(row * tile.out_stride + lane * LANE));
        }
    }
    for segment in tile.segments {
        // SAFETY: the segment begins inside every row.
        let rows: [*const f32; ROWS] = std::array::from_fn(|row| unsafe {
            if COPIED {
                tile.rows[0].add(row * COPY_STRIDE + segment.offset)
            } else {
                tile.rows[row].add(segment.offset)
            }
        });
        for k in 0..segment.length {
            for lane in 0..LANES {
                fetch::<_MM_HINT_T0>(panel.wrapping_add((NEAR_ROWS * LANES + lane) * LANE));
            }
            fetch::<_MM_HINT_T1>(ahead);
            ahead = ahead.wrapping_byte_add(part);
            // SAFETY: the panel holds `LANES` lanes for every `k`.
            let right: [__m512; LANES] =
                std::array::from_fn(|lane| unsafe { _mm512_loadu_ps(panel.add(lane * LANE)) });
            for row in 0..ROWS {
                // SAFETY: every row pointer is readable over the segment.
                let left = _mm512_set1_ps(unsafe { *rows[row].add(k) });
                for lane in 0..LANES {
                    sums[row][lane] = _mm512_fmadd_ps(left, right[lane], sums[row][lane]);
                }
            }
            panel = panel.wrapping_add(LANES * LANE);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        if row < tile.row_count {
            for (lane, sum) in sums.iter().enumerate() {
                // SAFETY: a stored row, inside the result, initialised where `accumulate` is set.
                unsafe {
                    let out = tile.out.add(row * tile.out_stride + lane * LANE);
                    let sum = if tile.accumulate {
                        _mm512_add_ps(_mm512_loadu_ps(out), *sum)
                    } else {
                        *sum
                    };
                    _mm512_storeu_ps(out, sum);
                };
            }
        }
    }
}

/// Asks for a cache line.
#[inline(always)]
fn fetch<const HINT: i32>(address: *const f32) {
    // SAFETY: it is a hint, which any address may be given to.
    unsafe { _mm_prefetch::<HINT>(address.cast()) };
}

/// Rows that AVX2 computes together: 6 rows of 16 columns are 12 of its 16 registers.
const AVX2_ROWS: usize = 6;

/// # Safety
/// See [`Tile`]; the CPU has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn compute_avx2(tile: &Tile<'_, f32>) {
    for lane in 0..tile.lanes {
        for first_row in (0..tile.row_count).step_by(AVX2_ROWS) {
            // SAFETY: the same contract, for a part of the tile.
            unsafe {
                if tile.row_count - first_row == 1 {
                    avx2::<1>(tile, first_row, lane);
                } else {
                    avx2::<AVX2_ROWS>(tile, first_row, lane);
                }
            }
        }
    }
}

/// # Safety
/// See [`compute_avx2`]; `first_row` < `row_count`, `lane` < `lanes`.
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize>(tile: &Tile<'_, f32>, first_row: usize, lane: usize) {
    const HALF: usize = LANE / 2;
    let row_count = tile.row_count - first_row;
    // SAFETY: the part's first element is inside the result.
    let out = unsafe { tile.out.add(first_row * tile.out_stride + lane * LANE) };
    let mut sums: [[__m256; 2]; ROWS] = [[_mm256_setzero_ps(); 2]; ROWS];
    // SAFETY: the lane is inside the panel.
    let mut panel = unsafe { tile.panel.add(lane * LANE) };
    for segment in tile.segments {
        // SAFETY: the segment begins inside every row.
        let rows: [*const f32; ROWS] =
            std::array::from_fn(|row| unsafe { tile.rows[first_row + row].add(segment.offset) });
        for k in 0..segment.length {
            // SAFETY: the panel holds this lane for every `k`.
            let right: [__m256; 2] =
                std::array::from_fn(|half| unsafe { _mm256_loadu_ps(panel.add(half * HALF)) });
            for row in 0..ROWS {
                // SAFETY: every row pointer is readable over the segment.
                let left = _mm256_set1_ps(unsafe { *rows[row].add(k) });
                for half in 0..2 {
                    sums[row][half] = _mm256_fmadd_ps(left, right[half], sums[row][half]);
                }
            }
            panel = panel.wrapping_add(tile.lanes * LANE);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        if row < row_count {
            for (half, sum) in sums.iter().enumerate() {
                // SAFETY: a stored row, inside the result, initialised where `accumulate` is set.
                unsafe {
                    let out = out.add(row * tile.out_stride + half * HALF);
                    let sum = if tile.accumulate {
                        _mm256_add_ps(_mm256_loadu_ps(out), *sum)
                    } else {
                        *sum
                    };
                    _mm256_storeu_ps(out, sum);
                };
            }
        }
    }
}
