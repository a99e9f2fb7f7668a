// Layer normalisation over the last axis: one warp a row. The row is read twice, the second time
// from the cache: first for the mean, then for the squared deviations, and once more to write.
// Grid (rows / warps), block 32 * warps.
#include "kernel.cuh"

template <typename T, int VECTOR, typename F>
__device__ __forceinline__ void each(const T* row, int width, F take) {
    const int lane = threadIdx.x % WARP_THREADS;
    for (int i = lane * VECTOR; i < width; i += WARP_THREADS * VECTOR) {
        float values[VECTOR];
        if constexpr (VECTOR == 8) {
            load8_floats(row + i, values);
        } else {
            values[0] = to_float(row[i]);
        }
        take(i, values);
    }
}

template <typename T, int VECTOR>
__device__ void layer_norm(const T* input, const T* scale, const T* shift, T* output, int rows,
                           int width, float eps) {
    const int warps = blockDim.x / WARP_THREADS;
    const int64_t number = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / WARP_THREADS;
    if (number >= rows) return;
    const T* row = input + number * width;

    float mean = 0;
    each<T, VECTOR>(row, width, [&](int, const float(&values)[VECTOR]) {
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) mean += values[j];
    });
    mean = warp_sum(mean) / width;

    float squares = 0;
    each<T, VECTOR>(row, width, [&](int, const float(&values)[VECTOR]) {
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) squares += (values[j] - mean) * (values[j] - mean);
    });
    const float factor = rsqrtf(warp_sum(squares) / width + eps);

    each<T, VECTOR>(row, width, [&](int i, float(&values)[VECTOR]) {
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) {
            const float normed = (values[j] - mean) * factor;
            values[j] = normed * to_float(scale[i + j]) + to_float(shift[i + j]);
        }
        T* out = output + number * width + i;
        if constexpr (VECTOR == 8) {
            store8_floats(out, values);
        } else {
            *out = from_float<T>(values[0]);
        }
    });
}

#define LAYER_NORM(SUFFIX, T, VECTOR)                                                         \
    extern "C" __global__ void layer_norm##SUFFIX(const T* input, const T* scale,             \
                                                  const T* shift, T* output, int rows,        \
                                                  int width, float eps) {                     \
        layer_norm<T, VECTOR>(input, scale, shift, output, rows, width, eps);                 \
    }

LAYER_NORM(_f16, __half, 8)
LAYER_NORM(_bf16, __nv_bfloat16, 8)
LAYER_NORM(_1_f16, __half, 1)
LAYER_NORM(_1_bf16, __nv_bfloat16, 1)
