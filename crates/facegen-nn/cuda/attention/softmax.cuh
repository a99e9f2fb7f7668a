// Softmax.
#pragma once

#include "instance.cuh"

// Hides the keys of a tile beyond `keys` and, if causal, after each query;
// `first_query` is the warp's, `first_key` the tile's.
template <typename I>
__device__ __forceinline__ void mask(Scores<I>& scores, int first_query, int first_key, int keys,
                                     bool causal) {
    const int lane = lane_id();
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int query = first_query + 16 * tile + 8 * (i / 2) + lane / 4;
            const int end = (causal ? min(keys, query + 1) : keys) - first_key;
#pragma unroll
            for (int column = 0; column < I::KEY_COLUMNS; ++column)
                if (8 * column + 2 * (lane % 4) + i % 2 >= end)
                    scores[tile][column][i] = MINUS_INFINITY;
        }
}

// The largest score of a row in this tile, times `scale`.
template <typename I>
__device__ __forceinline__ float row_maximum(const Scores<I>& scores, int tile, int half,
                                             float scale) {
    float maximum = MINUS_INFINITY;
#pragma unroll
    for (int column = 0; column < I::KEY_COLUMNS; ++column)
        maximum = fmaxf(maximum, fmaxf(scores[tile][column][2 * half],
                                       scores[tile][column][2 * half + 1]));
    return quad_max(maximum) * scale;
}

// Raises a row's maximum, and scales down what was summed below the old one.
template <typename I>
__device__ __forceinline__ void raise_maximum(Attended<I>& attended, int tile, int half,
                                              float maximum) {
    float& old = attended.maxima[tile][half];
    maximum = fmaxf(old, maximum);
    const float factor = exp2_fast(old - maximum);
    old = maximum;
    attended.sums[tile][half] *= factor;
#pragma unroll
    for (int chunk = 0; chunk < I::CHUNKS; ++chunk) {
        attended.values[tile][chunk][2 * half] *= factor;
        attended.values[tile][chunk][2 * half + 1] *= factor;
    }
}

// Raises the maxima of all rows of the warp if that of one has grown so much
// that probabilities relative to the old one might overflow.
template <typename I>
__device__ __forceinline__ void raise_maxima(Attended<I>& attended, const Scores<I>& scores,
                                             float scale) {
    float maxima[I::ROW_TILES][2];
    bool grown = false;
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            maxima[tile][half] = row_maximum<I>(scores, tile, half, scale);
            grown |= maxima[tile][half] > attended.maxima[tile][half] + GROWTH_WITHOUT_RESCALING;
        }
    if (!__any_sync(FULL_WARP, grown)) return;
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int half = 0; half < 2; ++half)
            raise_maximum<I>(attended, tile, half, maxima[tile][half]);
}

// Turns the scores of a tile into probabilities, not yet divided by their sum.
template <typename I>
__device__ __forceinline__ void exponentiate(Scores<I>& scores, Attended<I>& attended,
                                             float scale) {
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int column = 0; column < I::KEY_COLUMNS; ++column)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float& score = scores[tile][column][i];
                score = exp2_fast(fmaf(score, scale, -attended.maxima[tile][i / 2]));
                attended.sums[tile][i / 2] += score;
            }
}

template <typename I>
__device__ __forceinline__ void clear(Attended<I>& attended) {
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            attended.maxima[tile][half] = MINUS_INFINITY;
            attended.sums[tile][half] = 0.0f;
        }
#pragma unroll
        for (int chunk = 0; chunk < I::CHUNKS; ++chunk)
#pragma unroll
            for (int i = 0; i < 4; ++i) attended.values[tile][chunk][i] = 0.0f;
    }
}

// Divides by the sums of probabilities; 0 where there was no key.
template <typename I>
__device__ __forceinline__ void normalise(Attended<I>& attended) {
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float sum = quad_sum(attended.sums[tile][half]);
            const float factor = sum > 0.0f ? 1.0f / sum : 0.0f;
#pragma unroll
            for (int chunk = 0; chunk < I::CHUNKS; ++chunk) {
                attended.values[tile][chunk][2 * half] *= factor;
                attended.values[tile][chunk][2 * half + 1] *= factor;
            }
        }
}
