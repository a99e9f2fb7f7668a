//! Softmax attention, tiled so that only the scores of a few queries × 256 keys ever exist.
//!
//! The online softmax is that of FlashAttention (Dao et al., 2022): for each block of keys, the
//! running maximum of a query's scores may rise, and the earlier sums are then scaled down. Blocks
//! of keys begin at fixed multiples from key 0, so a query's arithmetic does not depend on the
//! other queries, heads or samples.
#![expect(
    unsafe_code,
    reason = "tasks write disjoint parts of the output, and together all of it"
)]

mod shape;
mod softmax;
mod task;

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{
    element::Element,
    filled::filled,
    gemm::SharedOutput,
    packed::{LANE, PANEL, PanelLayout},
    scratch::with_scratch,
};
pub use shape::AttentionShape;
use task::{PackedHead, QueryTask, TASK_TILES};

/// Computes `softmax(query · keyᵀ / √head_dim) · value` for every sample and head.
///
/// `query` and the result are `[batch][query_tokens][heads][head_dim]`, `key` and `value`
/// `[batch][key_tokens][heads][head_dim]`.
///
/// # Panics
/// Panics when a slice does not fit the shape, or there are no keys.
pub fn attention<E: Element>(
    query: &[E],
    key: &[E],
    value: &[E],
    shape: &AttentionShape,
) -> Vec<E> {
    let keys = shape.key_tokens * shape.width();
    assert!(keys > 0, "attention without keys");
    assert_eq!(
        (key.len(), value.len()),
        (shape.batch * keys, shape.batch * keys),
        "keys and values of the attention"
    );
    let samples = key.chunks_exact(keys).zip(value.chunks_exact(keys));
    let samples: Vec<_> = samples
        .map(|(key, value)| Attended {
            key,
            value,
            extra: None,
        })
        .collect();
    attention_to(query, &samples, shape)
}

/// What the queries of one sample attend to: keys and values `[tokens][heads][head_dim]`.
#[derive(Debug, Clone, Copy)]
pub struct Attended<'a, E> {
    /// The keys.
    pub key: &'a [E],
    /// The values.
    pub value: &'a [E],
    /// Keys and values with a softmax of their own, and the factor that its result is added with.
    pub extra: Option<(&'a [E], &'a [E], f32)>,
}

/// Computes attention to keys and values of any number for each sample; that of the shape does not
/// count.
///
/// # Panics
/// Panics when a slice does not fit the shape, or there are no keys.
pub fn attention_to<E: Element>(
    query: &[E],
    samples: &[Attended<'_, E>],
    shape: &AttentionShape,
) -> Vec<E> {
    // SAFETY: every head of every query belongs to a task.
    unsafe {
        filled(query.len(), |out| {
            attention_with(E::best(), query, samples, shape, out);
        })
    }
}

fn attention_with<E: Element>(
    kernel: E::Kernel,
    query: &[E],
    samples: &[Attended<'_, E>],
    shape: &AttentionShape,
    out: &mut [MaybeUninit<E>],
) {
    let queries = shape.query_tokens * shape.width();
    assert_eq!(samples.len(), shape.batch, "samples of the attention");
    assert_eq!(
        (query.len(), out.len()),
        (shape.batch * queries, shape.batch * queries),
        "queries of the attention"
    );
    if queries == 0 {
        return;
    }
    let parts = query
        .chunks_exact(queries)
        .zip(out.chunks_exact_mut(queries));
    for (sample, (query, out)) in samples.iter().zip(parts) {
        attend_sample(kernel, query, sample, shape, out);
    }
}

/// One softmax of a sample.
struct Part<'a, E> {
    key: &'a [E],
    value: &'a [E],
    shape: AttentionShape,
    /// The factor with which it is added to the parts before.
    onto: Option<f32>,
}

impl<'a, E: Element> Part<'a, E> {
    fn new(shape: &AttentionShape, key: &'a [E], value: &'a [E], onto: Option<f32>) -> Self {
        let key_tokens = key.len() / shape.width();
        assert!(key_tokens > 0, "attention without keys");
        let keys = key_tokens * shape.width();
        assert_eq!(
            (key.len(), value.len()),
            (keys, keys),
            "keys and values of a sample"
        );
        Self {
            key,
            value,
            shape: AttentionShape {
                key_tokens,
                ..*shape
            },
            onto,
        }
    }
}

fn attend_sample<E: Element>(
    kernel: E::Kernel,
    query: &[E],
    attended: &Attended<'_, E>,
    shape: &AttentionShape,
    out: &mut [MaybeUninit<E>],
) {
    let first = Part::new(shape, attended.key, attended.value, None);
    let extra = attended.extra;
    let extra = extra.map(|(key, value, factor)| Part::new(shape, key, value, Some(factor)));
    let parts: Vec<Part<'_, E>> = [Some(first), extra].into_iter().flatten().collect();
    let output = &SharedOutput::new(out, shape.width());
    let task_rows = TASK_TILES * E::tile_rows(kernel);
    let blocks = shape.query_tokens.div_ceil(task_rows);
    let packed_part = |part: &Part<'_, E>| shape.heads * part.shape.packed_head::<E>();
    with_scratch(parts.iter().map(packed_part).sum(), |packed: &mut [E]| {
        let mut rest = &mut *packed;
        for part in &parts {
            let (packed, after) = rest.split_at_mut(packed_part(part));
            let heads = packed.par_chunks_exact_mut(part.shape.packed_head::<E>());
            heads.enumerate().for_each(|(head, packed)| {
                pack_head(&part.shape, head, (part.key, part.value), packed);
            });
            rest = after;
        }
        let packed = &*packed;
        let tasks = (0..shape.heads * blocks).into_par_iter().with_max_len(1);
        tasks.for_each(|index| {
            let (head, first_query) = (index / blocks, index % blocks * task_rows);
            let mut start = 0;
            for part in &parts {
                let packed_head = part.shape.packed_head::<E>();
                let packed = &packed[start + head * packed_head..][..packed_head];
                let task = QueryTask {
                    kernel,
                    shape: &part.shape,
                    query,
                    head,
                    first_query,
                    packed: PackedHead::new(&part.shape, packed),
                    output,
                    onto: part.onto,
                };
                // SAFETY: no two tasks have the same head and queries, and the first part has
                // written what the second adds to.
                unsafe { task.compute() };
                start += packed_part(part);
            }
        });
    });
}

/// Packs the transposed keys and the values of one head into panels.
fn pack_head<E: Element>(
    shape: &AttentionShape,
    head: usize,
    (key, value): (&[E], &[E]),
    packed: &mut [E],
) {
    let (key_layout, value_layout) = (shape.key_layout::<E>(), shape.value_layout::<E>());
    let (keys, values) = packed.split_at_mut(key_layout.len());
    let columns = head * shape.head_dim..(head + 1) * shape.head_dim;
    keys.fill(E::default());
    for (token, key) in key.chunks_exact(shape.width()).enumerate() {
        let (panel, column) = (token / PANEL, token % PANEL);
        let width = key_layout.lanes(panel) * LANE;
        let packed = &mut keys[key_layout.offset(panel, 0)..];
        for (k, element) in key[columns.clone()].iter().enumerate() {
            packed[PanelLayout::within::<E>(k, column, width)] = *element;
        }
    }
    values.fill(E::default());
    for (token, value) in value.chunks_exact(shape.width()).enumerate() {
        for (panel, part) in value[columns.clone()].chunks(PANEL).enumerate() {
            let width = value_layout.lanes(panel) * LANE;
            let packed = &mut values[value_layout.offset(panel, 0)..];
            let row = &mut packed[PanelLayout::within::<E>(token, 0, width)..];
            for (slot, element) in row.iter_mut().step_by(E::DEPTH).zip(part) {
                *slot = *element;
            }
        }
    }
}

#[cfg(test)]
mod tests;
