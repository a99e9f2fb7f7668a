use std::ops::Range;

use half::bf16;
use proptest::prelude::*;

use super::{
    super::{
        bfloat16::HalfKernel,
        isa::Isa,
        testing::{
            Guarded, assert_close, bits, each_half_kernel, half_bits, random, same_everywhere,
            same_with_any_threads, unwritten,
        },
    },
    *,
};

/// Splits keys and values into those of the samples.
fn of_samples<'a, E>(shape: &AttentionShape, key: &'a [E], value: &'a [E]) -> Vec<Attended<'a, E>> {
    let keys = shape.key_tokens * shape.width();
    let samples = key.chunks_exact(keys).zip(value.chunks_exact(keys));
    let attended = |(key, value)| Attended {
        key,
        value,
        extra: None,
    };
    samples.map(attended).collect()
}

struct Operands {
    shape: AttentionShape,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
}

impl Operands {
    fn new(shape: AttentionShape) -> Self {
        let (queries, keys) = (
            shape.batch * shape.query_tokens,
            shape.batch * shape.key_tokens,
        );
        Self {
            shape,
            query: random(queries * shape.width(), 1),
            key: random(keys * shape.width(), 2),
            value: random(keys * shape.width(), 3),
        }
    }

    fn attend(&self, isa: Isa) -> Vec<f32> {
        let mut out = vec![f32::NAN; self.query.len()];
        let samples = of_samples(&self.shape, &self.key, &self.value);
        attention_with(isa, &self.query, &samples, &self.shape, unwritten(&mut out));
        out
    }

    /// Computes attention by three loops in `f64`.
    fn plain(&self) -> Vec<f64> {
        let AttentionShape {
            batch,
            query_tokens,
            key_tokens,
            heads,
            head_dim,
            causal,
        } = self.shape;
        let mut out = Vec::new();
        for (sample, query, head) in (0..batch).flat_map(|sample| {
            (0..query_tokens)
                .flat_map(move |query| (0..heads).map(move |head| (sample, query, head)))
        }) {
            let at =
                |tokens: usize, token: usize| ((sample * tokens + token) * heads + head) * head_dim;
            let visible = if causal {
                key_tokens.min(query + 1)
            } else {
                key_tokens
            };
            let query = &self.query[at(query_tokens, query)..][..head_dim];
            let score = |key: usize| -> f64 {
                let key = &self.key[at(key_tokens, key)..][..head_dim];
                query
                    .iter()
                    .zip(key)
                    .map(|(query, key)| f64::from(*query) * f64::from(*key))
                    .sum::<f64>()
                    / (head_dim as f64).sqrt()
            };
            let scores: Vec<f64> = (0..visible).map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            out.extend((0..head_dim).map(|column| {
                let value = |key: usize| f64::from(self.value[at(key_tokens, key) + column]);
                weights
                    .iter()
                    .enumerate()
                    .map(|(key, weight)| weight * value(key))
                    .sum::<f64>()
                    / total
            }));
        }
        out
    }

    fn tolerance(&self) -> f64 {
        2e-6 * f64::from(
            self.value
                .iter()
                .fold(0.0f32, |largest, value| largest.max(value.abs())),
        )
    }
}

fn shape(query_tokens: usize, key_tokens: usize, heads: usize, head_dim: usize) -> AttentionShape {
    AttentionShape {
        batch: 1,
        query_tokens,
        key_tokens,
        heads,
        head_dim,
        causal: false,
    }
}

fn check(shape: AttentionShape) {
    let operands = Operands::new(shape);
    let actual = same_everywhere(|isa| operands.attend(isa));
    assert_close(&actual, &operands.plain(), operands.tolerance());
}

#[test]
fn agrees_with_the_plain_loops_at_every_number_of_keys() {
    for keys in [1, 4, 16, 77, 81, 257, 1000] {
        check(shape(61, keys, 2, 40));
    }
}

#[test]
fn agrees_with_the_plain_loops_at_every_width_of_head() {
    for head_dim in [1, 8, 16, 32, 64, 80, 160, 512] {
        check(shape(14, 290, 1, head_dim));
    }
}

#[test]
fn causal_queries_see_no_later_key() {
    for (queries, keys) in [(77, 77), (300, 300), (5, 9)] {
        check(AttentionShape {
            causal: true,
            ..shape(queries, keys, 3, 16)
        });
    }
    let mut operands = Operands::new(AttentionShape {
        causal: true,
        ..shape(300, 300, 1, 8)
    });
    let before = operands.attend(Isa::best());
    operands.key[290 * 8..].fill(50.0);
    operands.value[290 * 8..].fill(1e6);
    let after = operands.attend(Isa::best());
    assert_eq!(bits(&before[..290 * 8]), bits(&after[..290 * 8]));
    assert_ne!(bits(&before[290 * 8..]), bits(&after[290 * 8..]));
}

#[test]
fn scores_of_any_size_stay_finite() {
    let mut operands = Operands::new(shape(20, 600, 1, 16));
    operands.query.iter_mut().for_each(|query| *query *= 1e4);
    let actual = operands.attend(Isa::best());
    assert_close(&actual, &operands.plain(), 2e-3);
}

#[test]
fn samples_do_not_depend_on_their_batch() {
    let operands = Operands::new(AttentionShape {
        batch: 4,
        ..shape(50, 81, 2, 40)
    });
    let all = operands.attend(Isa::best());
    let (queries, keys) = (50 * 80, 81 * 80);
    for sample in 0..4 {
        let alone = Operands {
            shape: AttentionShape {
                batch: 1,
                ..operands.shape
            },
            query: operands.query[sample * queries..][..queries].to_vec(),
            key: operands.key[sample * keys..][..keys].to_vec(),
            value: operands.value[sample * keys..][..keys].to_vec(),
        };
        assert_eq!(
            bits(&alone.attend(Isa::best())),
            bits(&all[sample * queries..][..queries])
        );
    }
}

#[test]
fn a_query_does_not_depend_on_the_other_queries() {
    let operands = Operands::new(shape(100, 300, 1, 32));
    let all = operands.attend(Isa::best());
    let alone = Operands {
        shape: shape(1, 300, 1, 32),
        query: operands.query[93 * 32..94 * 32].to_vec(),
        key: operands.key.clone(),
        value: operands.value.clone(),
    };
    assert_eq!(
        bits(&alone.attend(Isa::best())),
        bits(&all[93 * 32..94 * 32])
    );
}

/// Two samples: one attends to 77 text and 4 image tokens, the other to 5 text tokens alone.
fn decoupled<E: Element>(kernel: E::Kernel, [query, key, value]: [&[E]; 3]) -> Vec<E> {
    const WIDTH: usize = 2 * 40;
    let tokens = |range: Range<usize>| {
        let range = range.start * WIDTH..range.end * WIDTH;
        (&key[range.clone()], &value[range])
    };
    let (first, extra, second) = (tokens(0..77), tokens(77..81), tokens(81..86));
    let samples = [
        Attended {
            key: first.0,
            value: first.1,
            extra: Some((extra.0, extra.1, 0.7)),
        },
        Attended {
            key: second.0,
            value: second.1,
            extra: None,
        },
    ];
    let shape = AttentionShape {
        batch: 2,
        ..shape(61, 0, 2, 40)
    };
    let mut out = vec![E::narrow(f32::NAN); query.len()];
    attention_with(kernel, query, &samples, &shape, unwritten(&mut out));
    out
}

#[test]
fn samples_attend_to_their_own_tokens_and_add_a_second_softmax() {
    let all = Operands::new(AttentionShape {
        batch: 2,
        ..shape(61, 43, 2, 40)
    });
    let (queries, width) = (61 * 80, 80);
    let of = |sample: usize, tokens: Range<usize>| {
        let (query, tokens) = (sample * queries, tokens.start * width..tokens.end * width);
        let operands = Operands {
            shape: shape(61, tokens.len() / width, 2, 40),
            query: all.query[query..query + queries].to_vec(),
            key: all.key[tokens.clone()].to_vec(),
            value: all.value[tokens].to_vec(),
        };
        operands.attend(Isa::best())
    };
    let (text, image) = (of(0, 0..77), of(0, 77..81));
    let mut expected: Vec<f32> = text.iter().zip(&image).map(|(t, i)| t + 0.7 * i).collect();
    expected.extend(of(1, 81..86));
    let actual = same_everywhere(|isa| decoupled(isa, [&all.query, &all.key, &all.value]));
    assert_eq!(bits(&actual), bits(&expected));

    let narrow =
        |values: &[f32]| -> Vec<bf16> { values.iter().copied().map(bf16::narrow).collect() };
    let [query, key, value] = [&all.query, &all.key, &all.value].map(|values| narrow(values));
    each_half_kernel(|kernel| {
        let actual = same_with_any_threads(|| decoupled(kernel, [&query, &key, &value]));
        for (actual, expected) in actual.iter().zip(&expected) {
            assert!(
                (actual.widen() - expected).abs() < 0.05,
                "{actual} is not {expected}"
            );
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn any_shape_is_right(
        queries in 1usize..70, keys in 1usize..300, heads in 1usize..4, head_dim in 1usize..50, causal: bool,
    ) {
        let operands = Operands::new(AttentionShape { causal, ..shape(queries, keys, heads, head_dim) });
        let actual = operands.attend(Isa::best());
        for (actual, expected) in actual.iter().zip(operands.plain()) {
            prop_assert!((f64::from(*actual) - expected).abs() <= operands.tolerance());
        }
    }
}

/// Rounds the operands and computes the attention of a bf16 kernel.
fn attend_half(kernel: HalfKernel, operands: &Operands) -> Vec<bf16> {
    let narrow =
        |values: &[f32]| -> Vec<bf16> { values.iter().copied().map(bf16::narrow).collect() };
    let [query, key, value] = [&operands.query, &operands.key, &operands.value]
        .map(|values| Guarded::new(&narrow(values)));
    let mut out = Guarded::new(&vec![bf16::NAN; operands.query.len()]);
    attention_with(
        kernel,
        query.values(),
        &of_samples(&operands.shape, key.values(), value.values()),
        &operands.shape,
        unwritten(out.values_mut()),
    );
    out.values().to_vec()
}

/// Fails when a result is farther from that of the rounded operands than weights and results of
/// bf16 can be: half a unit of each, on values that weigh 1 in all.
fn check_half(kernel: HalfKernel, shape: AttentionShape) {
    let mut operands = Operands::new(shape);
    for operand in [&mut operands.query, &mut operands.key, &mut operands.value] {
        for value in operand {
            *value = bf16::narrow(*value).widen();
        }
    }
    let actual = same_with_any_threads(|| attend_half(kernel, &operands));
    let actual: Vec<f32> = actual.into_iter().map(bf16::widen).collect();
    let largest = operands
        .value
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    let tolerance = 2.0 * f64::from(largest) / 256.0;
    assert_close(&actual, &operands.plain(), tolerance);
}

#[test]
fn every_kernel_of_bf16_agrees_with_the_plain_loops() {
    each_half_kernel(|kernel| {
        for keys in [1, 4, 16, 31, 77, 81, 257, 600] {
            check_half(kernel, shape(61, keys, 2, 40));
        }
        for head_dim in [1, 7, 16, 33, 64, 80, 160, 512] {
            check_half(kernel, shape(35, 290, 1, head_dim));
        }
        for (queries, keys) in [(1, 1), (77, 77), (300, 300), (5, 9)] {
            let causal = true;
            check_half(
                kernel,
                AttentionShape {
                    causal,
                    ..shape(queries, keys, 3, 16)
                },
            );
        }
    });
}

#[test]
fn bf16_depends_neither_on_its_batch_nor_on_the_other_queries() {
    each_half_kernel(|kernel| {
        let all = Operands::new(AttentionShape {
            batch: 3,
            ..shape(70, 300, 1, 40)
        });
        let together = attend_half(kernel, &all);
        for (sample, query) in [(0, 0), (1, 37), (2, 69)] {
            let alone = Operands {
                shape: shape(1, 300, 1, 40),
                query: all.query[(sample * 70 + query) * 40..][..40].to_vec(),
                key: all.key[sample * 300 * 40..][..300 * 40].to_vec(),
                value: all.value[sample * 300 * 40..][..300 * 40].to_vec(),
            };
            let expected = &together[(sample * 70 + query) * 40..][..40];
            assert_eq!(half_bits(&attend_half(kernel, &alone)), half_bits(expected));
        }
    });
}
