// Tensor cores.
#pragma once

#include "instance.cuh"

// scores = q kᵀ
template <typename T, typename I>
__device__ __forceinline__ void multiply_keys(Scores<I>& scores, const Query<I>& query,
                                              const T* keys) {
    const int lane = lane_id();
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int column = 0; column < I::KEY_COLUMNS; ++column)
#pragma unroll
            for (int i = 0; i < 4; ++i) scores[tile][column][i] = 0.0f;

    // Matrices of ldmatrix: 8 keys by 8 dimensions, dimensions first.
    const T* rows = keys + (lane / 16 * 8 + lane % 8) * I::PITCH + lane / 8 % 2 * 8;
#pragma unroll
    for (int step = 0; step < I::STEPS; ++step) {
#pragma unroll
        for (int column = 0; column < I::KEY_COLUMNS; column += 2) {
            uint32_t key[4];
            ldmatrix_x4(key, rows + 8 * column * I::PITCH + 16 * step);
#pragma unroll
            for (int tile = 0; tile < I::ROW_TILES; ++tile) {
                mma_m16n8k16<T>(scores[tile][column], query.steps[tile][step], {key[0], key[1]});
                mma_m16n8k16<T>(scores[tile][column + 1], query.steps[tile][step],
                                {key[2], key[3]});
            }
        }
    }
    if (!I::REST) return;
    const T* last = keys + lane * I::PITCH + 8 * (I::CHUNKS - 1);
#pragma unroll
    for (int column = 0; column < I::KEY_COLUMNS; column += 4) {
        uint32_t key[4];
        ldmatrix_x4(key, last + 8 * column * I::PITCH);
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int tile = 0; tile < I::ROW_TILES; ++tile)
                mma_m16n8k8<T>(scores[tile][column + i], query.rest[tile], key[i]);
    }
}

// values += p v
template <typename T, typename I>
__device__ __forceinline__ void multiply_values(Attended<I>& attended,
                                                const Scores<I>& probabilities, const T* values) {
    const int lane = lane_id();
    // Matrices of ldmatrix: 8 keys by 8 dimensions, keys first, transposed.
    const T* rows = values + lane % 16 * I::PITCH + lane / 16 * 8;
#pragma unroll
    for (int column = 0; column < I::KEY_COLUMNS; column += 2) {
        uint32_t left[I::ROW_TILES][4];
#pragma unroll
        for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float(&two)[4] = probabilities[tile][column + i / 2];
                left[tile][i] = pack2<T>(two[2 * (i % 2)], two[2 * (i % 2) + 1]);
            }
        const T* row = rows + 8 * column * I::PITCH;
#pragma unroll
        for (int chunk = 0; chunk + 1 < I::CHUNKS; chunk += 2) {
            uint32_t value[4];
            ldmatrix_x4_trans(value, row + 8 * chunk);
#pragma unroll
            for (int tile = 0; tile < I::ROW_TILES; ++tile) {
                mma_m16n8k16<T>(attended.values[tile][chunk], left[tile], {value[0], value[1]});
                mma_m16n8k16<T>(attended.values[tile][chunk + 1], left[tile],
                                {value[2], value[3]});
            }
        }
        if (I::REST) {
            uint32_t value[2];
            ldmatrix_x2_trans(value, row + 8 * (I::CHUNKS - 1));
#pragma unroll
            for (int tile = 0; tile < I::ROW_TILES; ++tile)
                mma_m16n8k16<T>(attended.values[tile][I::CHUNKS - 1], left[tile], value);
        }
    }
}
