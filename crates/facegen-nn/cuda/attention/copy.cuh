// Global memory to registers and shared memory.
#pragma once

#include "instance.cuh"

template <typename T>
__device__ __forceinline__ uint32_t load_pair(const T* address, bool present) {
    return present ? *reinterpret_cast<const uint32_t*>(address) : 0;
}

// Loads the queries from `first` on; `query` is the head's first.
template <typename T, typename I>
__device__ __forceinline__ void load_query(Query<I>& fragments, const T* query, int stride,
                                           int first, int queries, int head_dim) {
    const int lane = lane_id();
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = first + 16 * tile + 8 * half + lane / 4;
            const T* address = query + static_cast<long long>(row) * stride + 2 * (lane % 4);
            const auto chunk = [&](int i) {
                return load_pair(address + 8 * i, row < queries && 8 * i < head_dim);
            };
#pragma unroll
            for (int step = 0; step < I::STEPS; ++step) {
                fragments.steps[tile][step][half] = chunk(2 * step);
                fragments.steps[tile][step][2 + half] = chunk(2 * step + 1);
            }
            if (I::REST) fragments.rest[tile][half] = chunk(I::CHUNKS - 1);
        }
    }
}

// Starts to copy the tile of keys and values from `first` on. Four threads
// share a token; what is beyond the tokens or the head dimension becomes 0.
template <typename T, typename I>
__device__ __forceinline__ void copy_tile(T* stage, const KeyValue<T>& tokens, int first,
                                          int head_dim) {
    const int thread = threadIdx.x;
    const int column = 8 * (thread % 4);
#pragma unroll
    for (int row = 0; row < I::KEYS; row += THREADS / 4) {
        const int token = row + thread / 4;
        const bool exists = first + token < tokens.tokens;
        const long long offset = static_cast<long long>(first + token) * tokens.stride + column;
        T* shared = stage + token * I::PITCH + column;
#pragma unroll
        for (int i = 0; i < I::HEAD_DIM; i += 32) {
            if (i + 32 > I::HEAD_DIM && column + i >= I::HEAD_DIM) continue;
            const bool present = exists && column + i < head_dim;
            copy_async16(shared + i, tokens.key + offset + i, present);
            copy_async16(shared + I::TILE + i, tokens.value + offset + i, present);
        }
    }
}
