use proptest::prelude::*;

use super::{
    super::{
        isa::Isa,
        testing::{assert_close, bits, random, same_everywhere},
    },
    *,
};

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
        attention_with(
            isa,
            &self.query,
            (&self.key, &self.value),
            &self.shape,
            &mut out,
        );
        out
    }

    /// Three loops in `f64`.
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
fn a_query_does_not_depend_on_the_queries_beside_it() {
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
