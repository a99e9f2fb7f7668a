// Tile sizes of one instance.
#pragma once

#include "../kernel.cuh"

constexpr int WARPS = 4;
constexpr int THREADS = 32 * WARPS;
constexpr int IMAGE_TOKENS_AT_MOST = 64;

template <int HEAD_DIM_, int ROW_TILES_, int KEYS_, int BLOCKS_, int CROSS_BLOCKS_>
struct Instance {
    static constexpr int HEAD_DIM = HEAD_DIM_;
    static constexpr int ROW_TILES = ROW_TILES_;  // of 16 queries, of each warp
    static constexpr int KEYS = KEYS_;            // of one tile
    // Blocks that a multiprocessor is to hold: what bounds the registers.
    static constexpr int BLOCKS = BLOCKS_;
    static constexpr int CROSS_BLOCKS = CROSS_BLOCKS_;

    static constexpr int WARP_QUERIES = 16 * ROW_TILES;
    static constexpr int QUERIES = WARPS * WARP_QUERIES;
    static constexpr int KEY_COLUMNS = KEYS / 8;  // columns of mma tiles of the scores
    static constexpr int CHUNKS = HEAD_DIM / 8;   // of 16 bytes in a row
    static constexpr int STEPS = CHUNKS / 2;      // of 16 dimensions in q kᵀ
    static constexpr bool REST = CHUNKS % 2;      // 8 dimensions more
    // From row to row in shared memory, in elements. An odd number of chunks:
    // the eight rows that ldmatrix reads at once lie in different banks.
    static constexpr int PITCH = 8 * (CHUNKS | 1);
    static constexpr int TILE = KEYS * PITCH;
    static constexpr int STAGE = 2 * TILE;  // keys, then values
    static constexpr int SHARED_BYTES = 2 * 2 * STAGE;

    static_assert(HEAD_DIM % 8 == 0 && KEYS % 32 == 0);
    static_assert(QUERIES * PITCH <= 2 * STAGE, "the result is staged in shared memory");
    static_assert(2 * KEYS >= IMAGE_TOKENS_AT_MOST, "both stages hold all image tokens");
    static_assert(SHARED_BYTES <= 48 * 1024, "more must be asked for");
};

// Before sm_90, the compiler needs more registers for the image than four blocks leave.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int CROSS_BLOCKS_40 = 3;
#else
constexpr int CROSS_BLOCKS_40 = 4;
#endif

using Instance40 = Instance<40, 2, 32, 4, CROSS_BLOCKS_40>;
using Instance64 = Instance<64, 1, 64, 4, 3>;
using Instance80 = Instance<80, 1, 64, 4, 4>;
using Instance160 = Instance<160, 1, 32, 3, 2>;

// The tokens that one head of one batch row attends to.
template <typename T>
struct KeyValue {
    const T* key;
    const T* value;
    int stride;
    int tokens;
};

// A warp's queries, as left operands of mma.
template <typename I>
struct Query {
    uint32_t steps[I::ROW_TILES][I::STEPS][4];
    uint32_t rest[I::ROW_TILES][2];
};

template <typename I>
using Scores = float[I::ROW_TILES][I::KEY_COLUMNS][4];

// A warp's result and, for the two rows of each tile that a lane shares with
// its quad, the maximum of the scores (times log2 e) and the lane's part of
// the sum of probabilities.
template <typename I>
struct Attended {
    float values[I::ROW_TILES][I::CHUNKS][4];
    float maxima[I::ROW_TILES][2];
    float sums[I::ROW_TILES][2];
};

constexpr float MINUS_INFINITY = -__builtin_huge_valf();
constexpr float LOG2_E = 1.44269504088896341f;
constexpr float GROWTH_WITHOUT_RESCALING = 8.0f;

__device__ __forceinline__ int lane_id() { return threadIdx.x % 32; }
__device__ __forceinline__ int warp_id() { return threadIdx.x / 32; }

// The four lanes of a quad share the rows of an mma tile.
__device__ __forceinline__ float quad_max(float value) {
    value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, 1));
    return fmaxf(value, __shfl_xor_sync(FULL_WARP, value, 2));
}

__device__ __forceinline__ float quad_sum(float value) {
    value += __shfl_xor_sync(FULL_WARP, value, 1);
    return value + __shfl_xor_sync(FULL_WARP, value, 2);
}
