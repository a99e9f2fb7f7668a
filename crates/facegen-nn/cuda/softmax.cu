// Softmax over rows of scores, for heads that are too wide for attention.cu: the scores are in
// memory. One block a row, whose scores come from the cache after the first pass.
// Grid (rows), block a multiple of 32 threads.
#include "kernel.cuh"

constexpr int MAX_WARPS = 32;

// Sum or maximum over the block, in every thread. Each of its two uses is an instance of its own,
// with shared memory of its own, so that neither waits for readers of the other's.
template <typename Warp, typename Combine>
__device__ __forceinline__ float over_block(float value, Warp warp, Combine combine) {
    __shared__ float values[MAX_WARPS];
    const int warps = blockDim.x / WARP_THREADS;
    value = warp(value);
    if (threadIdx.x % WARP_THREADS == 0) values[threadIdx.x / WARP_THREADS] = value;
    __syncthreads();
    value = values[0];
    for (int i = 1; i < warps; ++i) value = combine(value, values[i]);
    return value;
}

template <typename T>
__device__ void softmax(const T* scores, T* output, int width, float scale) {
    const T* row = scores + static_cast<int64_t>(blockIdx.x) * width;
    T* out = output + static_cast<int64_t>(blockIdx.x) * width;

    float largest = -__builtin_huge_valf();
    for (int i = threadIdx.x; i < width; i += blockDim.x) largest = fmaxf(largest, to_float(row[i]));
    largest = over_block(largest, [](float x) { return warp_max(x); },
                         [](float x, float y) { return fmaxf(x, y); });

    float sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x)
        sum += expf((to_float(row[i]) - largest) * scale);
    sum = over_block(sum, [](float x) { return warp_sum(x); },
                     [](float x, float y) { return x + y; });

    for (int i = threadIdx.x; i < width; i += blockDim.x)
        out[i] = from_float<T>(expf((to_float(row[i]) - largest) * scale) / sum);
}

#define SOFTMAX(SUFFIX, T)                                                                   \
    extern "C" __global__ void softmax##SUFFIX(const T* scores, T* output, int width,        \
                                               float scale) {                                \
        softmax<T>(scores, output, width, scale);                                            \
    }

SOFTMAX(_f16, __half)
SOFTMAX(_bf16, __nv_bfloat16)
