use half::bf16;
use proptest::prelude::*;

use super::{
    super::{
        bfloat16::HalfKernel,
        epilogue::Activation,
        isa::Isa,
        math,
        testing::{
            Guarded, assert_close, bits, each_half_kernel, half_bits, random, random_half,
            same_everywhere, same_with_any_threads, sum_of_chains, sum_of_half, unwritten,
        },
    },
    *,
};

fn product(
    isa: Isa,
    rows: usize,
    rhs: &PackedMatrix,
    input: &[f32],
    epilogue: &Epilogue<'_>,
) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows * rhs.columns()];
    gemm_with(isa, input, rhs, epilogue, unwritten(&mut out));
    out
}

/// Returns the chains of multiply-adds that every element is the sum of: `weight` is `[n][k]`.
fn chains(input: &[f32], weight: &[f32], inner: usize) -> Vec<f32> {
    let chain = |left: &[f32], right: &[f32]| sum_of_chains(left.iter().zip(right));
    let rows = input.chunks_exact(inner);
    rows.flat_map(|row| {
        weight
            .chunks_exact(inner)
            .map(move |column| chain(row, column))
    })
    .collect()
}

fn check(rows: usize, columns: usize, inner: usize) {
    let (input, weight) = (random(rows * inner, 1), random(columns * inner, 2));
    let rhs = PackedMatrix::from_linear(&weight, columns, inner);
    let actual = same_everywhere(|isa| product(isa, rows, &rhs, &input, &Epilogue::default()));
    assert_eq!(
        bits(&actual),
        bits(&chains(&input, &weight, inner)),
        "{rows} × {columns} × {inner}"
    );
}

#[test]
fn every_element_is_a_sum_of_chains_of_multiply_adds_at_odd_sizes() {
    for (rows, columns, inner) in [
        (1, 3, 1),
        (2, 4, 2),
        (7, 8, 3),
        (13, 40, 27),
        (12, 77, 320),
        (25, 320, 33),
    ] {
        check(rows, columns, inner);
    }
    check(13, 33, 1500);
    check(600, 40, 9);
}

#[test]
fn products_of_f32_read_nothing_beyond_their_operands() {
    for (rows, columns, inner) in [(1, 129, 7), (13, 160, 300), (31, 131, 520), (40, 257, 33)] {
        let input = Guarded::new(&random(rows * inner, 1));
        let weight = random(columns * inner, 2);
        let rhs = PackedMatrix::from_linear(&weight, columns, inner);
        let left = input.values();
        let actual = same_everywhere(|isa| {
            let mut out = Guarded::new(&vec![f32::NAN; rows * columns]);
            let epilogue = Epilogue::default();
            gemm_with(isa, left, &rhs, &epilogue, unwritten(out.values_mut()));
            out.values().to_vec()
        });
        let expected = chains(left, &weight, inner);
        assert_eq!(
            bits(&actual),
            bits(&expected),
            "{rows} × {columns} × {inner}"
        );
    }
}

/// Returns a gated product of the sums `[rows][2 * width]`.
fn gated(sums: &[f32], width: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let bias = |column: usize| bias.map_or(-0.0, |bias| bias[column]);
    let rows = sums.chunks(2 * width);
    let gated = |row: &[f32], column: usize| {
        let (hidden, gate) = (row[column], row[width + column]);
        (hidden + bias(column)) * math::gelu_erf(gate + bias(width + column))
    };
    rows.flat_map(|row| {
        (0..width)
            .map(|column| gated(row, column))
            .collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn a_gated_product_is_that_of_the_halves_of_a_product() {
    for (rows, width, inner) in [(1, 32, 1), (13, 64, 300), (300, 32, 40), (70, 160, 520)] {
        let (input, weight) = (
            Guarded::new(&random(rows * inner, 1)),
            random(2 * width * inner, 2),
        );
        let (left, bias) = (input.values(), random(2 * width, 3));
        let rhs = PackedMatrix::from_linear(&weight, 2 * width, inner);
        assert!(gates_alone(&rhs));
        let sums = chains(left, &weight, inner);
        for bias in [None, Some(&bias[..])] {
            let actual = same_everywhere(|isa| {
                let mut out = Guarded::new(&vec![f32::NAN; rows * width]);
                geglu_with(isa, left, &rhs, bias, unwritten(out.values_mut()));
                out.values().to_vec()
            });
            let expected = gated(&sums, width, bias);
            assert_eq!(bits(&actual), bits(&expected), "{rows} × {width} × {inner}");
        }
    }
}

#[test]
fn a_gated_product_of_bf16_is_rounded_once() {
    each_half_kernel(|kernel| {
        for (rows, width, inner) in [(1, 32, 1), (33, 64, 300), (70, 32, 1500)] {
            let input = Guarded::new(&random_half(rows * inner, 1));
            let (left, bias) = (input.values(), random(2 * width, 3));
            let weight = random_half(2 * width * inner, 2);
            let rhs = PackedMatrix::from_linear(&weight, 2 * width, inner);
            let actual = same_with_any_threads(|| {
                let mut out = Guarded::new(&vec![bf16::NAN; rows * width]);
                geglu_with(kernel, left, &rhs, Some(&bias), unwritten(out.values_mut()));
                out.values().to_vec()
            });
            let sums: Vec<f32> = left
                .chunks_exact(inner)
                .flat_map(|row| weight.chunks_exact(inner).map(move |column| (row, column)))
                .map(|(row, column)| {
                    let terms = row.iter().copied().zip(column.iter().copied());
                    sum_of_half(kernel, &[terms.collect()], None)
                })
                .collect();
            let expected = gated(&sums, width, Some(&bias));
            let expected: Vec<bf16> = expected.into_iter().map(bf16::narrow).collect();
            assert_eq!(
                half_bits(&actual),
                half_bits(&expected),
                "{kernel:?}, {rows} × {width} × {inner}"
            );
        }
    });
}

#[test]
fn the_epilogue_adds_in_order_and_activates_last() {
    let (rows, columns, inner) = (26, 40, 5);
    let (input, weight) = (random(rows * inner, 1), random(columns * inner, 2));
    let (bias, per_sample) = (random(columns, 3), random(2 * columns, 4));
    let residual = random(rows * columns, 5);
    let rhs = PackedMatrix::from_linear(&weight, columns, inner);
    let plain = chains(&input, &weight, inner);
    for activation in [
        None,
        Some(Activation::Silu),
        Some(Activation::GeluErf),
        Some(Activation::QuickGelu),
    ] {
        let epilogue = Epilogue {
            bias: Some(&bias),
            per_sample: Some(&per_sample),
            residual: Some(&residual),
            activation,
        };
        let actual = same_everywhere(|isa| product(isa, rows, &rhs, &input, &epilogue));
        let mut expected = plain.clone();
        for (index, value) in expected.iter_mut().enumerate() {
            let (row, column) = (index / columns, index % columns);
            *value += bias[column];
            *value += per_sample[row / 13 * columns + column];
            *value += residual[index];
        }
        if let Some(activation) = activation {
            activation.apply(&mut expected);
        }
        assert_eq!(bits(&actual), bits(&expected), "{activation:?}");
    }
}

#[test]
fn a_row_does_not_depend_on_the_other_rows() {
    let (columns, inner) = (72, 700);
    let input = random(4 * 77 * inner, 1);
    let rhs = PackedMatrix::from_linear(&random(columns * inner, 2), columns, inner);
    let all = product(Isa::best(), 4 * 77, &rhs, &input, &Epilogue::default());
    for (sample, expected) in input
        .chunks_exact(77 * inner)
        .zip(all.chunks_exact(77 * columns))
    {
        let alone = product(Isa::best(), 77, &rhs, sample, &Epilogue::default());
        assert_eq!(bits(&alone), bits(expected));
    }
    let row = product(Isa::best(), 1, &rhs, &input[..inner], &Epilogue::default());
    assert_eq!(bits(&row), bits(&all[..columns]));
}

#[test]
fn products_are_close_to_exact_ones() {
    let (rows, columns, inner) = (30, 50, 1280);
    let (input, weight) = (random(rows * inner, 1), random(columns * inner, 2));
    let rhs = PackedMatrix::from_linear(&weight, columns, inner);
    let exact = |left: &[f32], right: &[f32]| -> f64 {
        left.iter()
            .zip(right)
            .map(|(left, right)| f64::from(*left) * f64::from(*right))
            .sum()
    };
    let expected: Vec<f64> = input
        .chunks_exact(inner)
        .flat_map(|row| {
            weight
                .chunks_exact(inner)
                .map(move |column| exact(row, column))
        })
        .collect();
    assert_close(
        &product(Isa::best(), rows, &rhs, &input, &Epilogue::default()),
        &expected,
        2e-4,
    );
}

/// Returns the root mean square of the error, relative to that of the exact result.
fn relative_error(inner: usize) -> f64 {
    let (rows, columns) = (24, 32);
    let (input, weight) = (random(rows * inner, 1), random(columns * inner, 2));
    let rhs = PackedMatrix::from_linear(&weight, columns, inner);
    let actual = product(Isa::best(), rows, &rhs, &input, &Epilogue::default());
    let (mut error, mut total) = (0.0, 0.0);
    for (at, actual) in actual.iter().enumerate() {
        let left = &input[at / columns * inner..][..inner];
        let right = &weight[at % columns * inner..][..inner];
        let terms = left.iter().zip(right);
        let exact: f64 = terms.map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
        error += (f64::from(*actual) - exact).powi(2);
        total += exact * exact;
    }
    (error / total).sqrt()
}

#[test]
fn long_sums_are_hardly_less_exact_than_short_ones() {
    let (short, long) = (relative_error(256), relative_error(4608));
    // Errors of a single chain would grow by the root of 18.
    assert!(long < 1.6 * short, "{long:e} is much more than {short:e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_shape_is_right(rows in 1usize..60, columns in 1usize..100, inner in 1usize..600) {
        let (input, weight) = (random(rows * inner, 7), random(columns * inner, 8));
        let rhs = PackedMatrix::from_linear(&weight, columns, inner);
        let actual = product(Isa::best(), rows, &rhs, &input, &Epilogue::default());
        prop_assert_eq!(bits(&actual), bits(&chains(&input, &weight, inner)));
    }
}

/// Sums `left` and `weight` `[n][k]` in the order of the kernel and rounds every element.
fn half_sums(kernel: HalfKernel, left: &[bf16], weight: &[bf16], inner: usize) -> Vec<bf16> {
    let mut sums = Vec::new();
    for row in left.chunks_exact(inner) {
        for column in weight.chunks_exact(inner) {
            let terms = row.iter().copied().zip(column.iter().copied()).collect();
            sums.push(bf16::narrow(sum_of_half(kernel, &[terms], None)));
        }
    }
    sums
}

fn half_product(
    kernel: HalfKernel,
    rhs: &PackedMatrix<bf16>,
    input: &[bf16],
    epilogue: &Epilogue<'_, bf16>,
) -> Vec<bf16> {
    let rows = input.len() / rhs.inner();
    let mut out = Guarded::new(&vec![bf16::NAN; rows * rhs.columns()]);
    gemm_with(kernel, input, rhs, epilogue, unwritten(out.values_mut()));
    out.values().to_vec()
}

#[test]
fn every_kernel_of_bf16_rounds_its_sums_once_at_odd_sizes() {
    let shapes = [
        (1, 3, 1),
        (2, 4, 2),
        (7, 8, 3),
        (13, 40, 27),
        (33, 77, 320),
        (65, 33, 1500),
    ];
    each_half_kernel(|kernel| {
        for (rows, columns, inner) in shapes {
            let input = Guarded::new(&random_half(rows * inner, 1));
            let weight = random_half(columns * inner, 2);
            let rhs = PackedMatrix::from_linear(&weight, columns, inner);
            let left = input.values();
            let actual =
                same_with_any_threads(|| half_product(kernel, &rhs, left, &Epilogue::default()));
            let expected = half_sums(kernel, input.values(), &weight, inner);
            let size = format!("{kernel:?}, {rows} × {columns} × {inner}");
            assert_eq!(half_bits(&actual), half_bits(&expected), "{size}");
        }
    });
}

#[test]
fn the_epilogue_of_bf16_is_computed_in_f32() {
    let (rows, columns, inner) = (26, 40, 5);
    let (input, weight) = (
        random_half(rows * inner, 1),
        random_half(columns * inner, 2),
    );
    let (bias, per_sample) = (random(columns, 3), random(2 * columns, 4));
    let residual = Guarded::new(&random_half(rows * columns, 5));
    let rhs = PackedMatrix::from_linear(&weight, columns, inner);
    each_half_kernel(|kernel| {
        let epilogue = Epilogue {
            bias: Some(&bias),
            per_sample: Some(&per_sample),
            residual: Some(residual.values()),
            activation: Some(Activation::Silu),
        };
        let actual = half_product(kernel, &rhs, &input, &epilogue);
        for (index, actual) in actual.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let terms = (0..inner).map(|k| (input[row * inner + k], weight[column * inner + k]));
            let mut expected = [sum_of_half(kernel, &[terms.collect()], None)];
            expected[0] += bias[column];
            expected[0] += per_sample[row / 13 * columns + column];
            expected[0] += residual.values()[index].widen();
            Activation::Silu.apply(&mut expected);
            assert_eq!(actual.to_bits(), bf16::narrow(expected[0]).to_bits());
        }
    });
}

#[test]
fn a_row_of_bf16_does_not_depend_on_the_other_rows() {
    let (columns, inner) = (72, 700);
    let input = random_half(4 * 77 * inner, 1);
    let rhs = PackedMatrix::from_linear(&random_half(columns * inner, 2), columns, inner);
    each_half_kernel(|kernel| {
        let product = |input: &[bf16]| half_product(kernel, &rhs, input, &Epilogue::default());
        let all = product(&input);
        for row in [0, 1, 31, 76, 77, 140, 307] {
            for count in [1, 16, 77] {
                let rows = row..(row + count).min(4 * 77);
                let alone = product(&input[rows.start * inner..rows.end * inner]);
                let expected = &all[rows.start * columns..rows.end * columns];
                assert_eq!(
                    half_bits(&alone),
                    half_bits(expected),
                    "{kernel:?}, {rows:?}"
                );
            }
        }
    });
}
