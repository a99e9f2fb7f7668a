// One block.
#pragma once

#include "copy.cuh"
#include "multiply.cuh"
#include "softmax.cuh"

// What a block needs to know apart from the tokens.
template <typename T>
struct Task {
    const T* query;  // of this head and batch row
    T* output;       // likewise
    int query_stride;
    int output_stride;
    int queries;
    int head_dim;
    float scale;  // of scores, times log2 e
    bool causal;
};

// Adds one tile to the running softmax.
template <typename T, typename I>
__device__ __forceinline__ void attend_tile(Attended<I>& attended, const Query<I>& query,
                                            const T* stage, int first_query, int first_key,
                                            int keys, const Task<T>& task) {
    Scores<I> scores;
    multiply_keys<T, I>(scores, query, stage);
    const int keys_of_all = task.causal ? min(keys, first_query + 1) : keys;
    if (first_key + I::KEYS > keys_of_all)
        mask<I>(scores, first_query, first_key, keys, task.causal);
    raise_maxima<I>(attended, scores, task.scale);
    exponentiate<I>(scores, attended, task.scale);
    multiply_values<T, I>(attended, scores, stage + I::TILE);
}

// Writes the result through shared memory, so that each thread stores 16 bytes.
template <typename T, typename I>
__device__ __forceinline__ void store(const Attended<I>& attended, T* shared, int first,
                                      const Task<T>& task) {
    const int lane = lane_id();
    T* rows = shared + warp_id() * I::WARP_QUERIES * I::PITCH;
#pragma unroll
    for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int chunk = 0; chunk < I::CHUNKS; ++chunk) {
                const int row = 16 * tile + 8 * half + lane / 4;
                T* address = rows + row * I::PITCH + 8 * chunk + 2 * (lane % 4);
                const float(&values)[4] = attended.values[tile][chunk];
                *reinterpret_cast<uint32_t*>(address) =
                    pack2<T>(values[2 * half], values[2 * half + 1]);
            }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < I::WARP_QUERIES * I::CHUNKS; i += 32) {
        const int row = i / I::CHUNKS, column = 8 * (i % I::CHUNKS);
        if (first + row < task.queries && column < task.head_dim)
            store8(task.output + static_cast<long long>(first + row) * task.output_stride + column,
                   load8(rows + row * I::PITCH + column));
    }
}

// Attends to the image tokens, which fill at most the two stages from
// `first_stage` on, and adds the result to that of the text.
template <typename T, typename I>
__device__ __forceinline__ void attend_image(Attended<I>& attended, const Query<I>& query,
                                             const T* shared, int first_stage, int tokens,
                                             float image_scale, float scale) {
    Scores<I> scores;
    float maxima[I::ROW_TILES][2], sums[I::ROW_TILES][2];
    const auto load_scores = [&](int first) {
        const T* stage = shared + (first_stage + first / I::KEYS) % 2 * I::STAGE;
        multiply_keys<T, I>(scores, query, stage);
        mask<I>(scores, 0, first, tokens, false);
        return stage;
    };
    const auto each_row = [&](auto apply) {
#pragma unroll
        for (int tile = 0; tile < I::ROW_TILES; ++tile)
#pragma unroll
            for (int half = 0; half < 2; ++half) apply(tile, half);
    };
    each_row([&](int tile, int half) {
        maxima[tile][half] = MINUS_INFINITY;
        sums[tile][half] = 0.0f;
    });
    for (int first = 0; first < tokens; first += I::KEYS) {
        load_scores(first);
        each_row([&](int tile, int half) {
            float& maximum = maxima[tile][half];
            float& sum = sums[tile][half];
            const float old = maximum;
            maximum = fmaxf(old, row_maximum<I>(scores, tile, half, scale));
            sum *= exp2_fast(old - maximum);
#pragma unroll
            for (int column = 0; column < I::KEY_COLUMNS; ++column)
#pragma unroll
                for (int i = 2 * half; i < 2 * half + 2; ++i)
                    sum += exp2_fast(fmaf(scores[tile][column][i], scale, -maximum));
        });
    }
    each_row([&](int tile, int half) {
        sums[tile][half] = image_scale / quad_sum(sums[tile][half]);
    });
    for (int first = 0; first < tokens; first += I::KEYS) {
        const T* stage = load_scores(first);
        each_row([&](int tile, int half) {
#pragma unroll
            for (int column = 0; column < I::KEY_COLUMNS; ++column)
#pragma unroll
                for (int i = 2 * half; i < 2 * half + 2; ++i) {
                    float& score = scores[tile][column][i];
                    score = exp2_fast(fmaf(score, scale, -maxima[tile][half])) * sums[tile][half];
                }
        });
        multiply_values<T, I>(attended, scores, stage + I::TILE);
    }
}

// Computes a block's queries. Tiles of keys and values pass through two stages
// of shared memory: while one is computed, the next is on its way.
template <typename T, typename I, bool IMAGE>
__device__ __forceinline__ void attend(const Task<T>& task, const KeyValue<T>& text,
                                       const KeyValue<T>& image, float image_scale) {
    T* shared = dynamic_shared<T>();
    const int block_first = blockIdx.x * I::QUERIES;
    const int first = block_first + warp_id() * I::WARP_QUERIES;
    const auto keys_of = [&](int queries_end) {
        return task.causal ? min(text.tokens, queries_end) : text.tokens;
    };
    const int block_keys = keys_of(block_first + I::QUERIES);
    const int warp_keys = first < task.queries ? keys_of(first + I::WARP_QUERIES) : 0;
    const int text_tiles = (block_keys + I::KEYS - 1) / I::KEYS;
    const int image_tiles = IMAGE ? (image.tokens + I::KEYS - 1) / I::KEYS : 0;
    const auto copy = [&](int tile) {
        T* stage = shared + tile % 2 * I::STAGE;
        if (tile < text_tiles)
            copy_tile<T, I>(stage, text, tile * I::KEYS, task.head_dim);
        else if (tile < text_tiles + image_tiles)
            copy_tile<T, I>(stage, image, (tile - text_tiles) * I::KEYS, task.head_dim);
        copy_async_commit();
    };

    Query<I> query;
    Attended<I> attended;
    copy(0);
    load_query<T, I>(query, task.query, task.query_stride, first, task.queries, task.head_dim);
    clear<I>(attended);
    for (int tile = 0; tile < text_tiles; ++tile) {
        copy_async_wait<0>();
        // The tile is there for all, and no one reads the other stage any more.
        __syncthreads();
        copy(tile + 1);
        if (tile * I::KEYS < warp_keys)
            attend_tile<T, I>(attended, query, shared + tile % 2 * I::STAGE, first,
                              tile * I::KEYS, text.tokens, task);
    }
    normalise<I>(attended);
    if (image_tiles > 0) {
        __syncthreads();
        copy(text_tiles + 1);
        copy_async_wait<0>();
        __syncthreads();
        if (first < task.queries)
            attend_image<T, I>(attended, query, shared, text_tiles, image.tokens, image_scale,
                               task.scale);
    }
    // No one reads keys and values any more: the result takes their place.
    __syncthreads();
    store<T, I>(attended, shared, first, task);
}
