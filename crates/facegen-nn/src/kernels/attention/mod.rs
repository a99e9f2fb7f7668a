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
    // SAFETY: every head of every query belongs to a task.
    unsafe {
        filled(query.len(), |out| {
            attention_with(E::best(), query, (key, value), shape, out);
        })
    }
}

fn attention_with<E: Element>(
    kernel: E::Kernel,
    query: &[E],
    (key, value): (&[E], &[E]),
    shape: &AttentionShape,
    out: &mut [MaybeUninit<E>],
) {
    let (queries, keys) = (
        shape.query_tokens * shape.width(),
        shape.key_tokens * shape.width(),
    );
    assert!(
        shape.key_tokens > 0 && shape.width() > 0,
        "attention without keys"
    );
    assert_eq!(
        (query.len(), out.len()),
        (shape.batch * queries, shape.batch * queries),
        "queries of the attention"
    );
    assert_eq!(
        (key.len(), value.len()),
        (shape.batch * keys, shape.batch * keys),
        "keys and values of the attention"
    );
    let samples = key.chunks_exact(keys).zip(value.chunks_exact(keys));
    for (sample, (key, value)) in samples.enumerate() {
        let range = sample * queries..(sample + 1) * queries;
        attend_sample(
            kernel,
            &query[range.clone()],
            (key, value),
            shape,
            &mut out[range],
        );
    }
}

fn attend_sample<E: Element>(
    kernel: E::Kernel,
    query: &[E],
    (key, value): (&[E], &[E]),
    shape: &AttentionShape,
    out: &mut [MaybeUninit<E>],
) {
    let output = &SharedOutput::new(out, shape.width());
    let task_rows = TASK_TILES * E::tile_rows(kernel);
    let blocks = shape.query_tokens.div_ceil(task_rows);
    let packed_head = shape.packed_head::<E>();
    with_scratch(shape.heads * packed_head, |packed| {
        let heads = packed.par_chunks_exact_mut(packed_head);
        heads
            .enumerate()
            .for_each(|(head, packed)| pack_head(shape, head, (key, value), packed));
        let tasks = (0..shape.heads * blocks).into_par_iter().with_max_len(1);
        tasks.for_each(|index| {
            let (head, first_query) = (index / blocks, index % blocks * task_rows);
            let packed = &packed[head * packed_head..][..packed_head];
            let packed = PackedHead::new(shape, packed);
            let task = QueryTask {
                kernel,
                shape,
                query,
                head,
                first_query,
                packed,
                output,
            };
            // SAFETY: no two tasks have the same head and queries.
            unsafe { task.compute() };
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
