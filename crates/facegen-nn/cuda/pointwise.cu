// Kernels that handle every value, or vector of eight values, on its own: one thread each. The
// arithmetic is in f32, rounded once.
#include "kernel.cuh"

__device__ __forceinline__ int64_t thread_index() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ __forceinline__ float silu(float x) { return x / (1.0f + expf(-x)); }
__device__ __forceinline__ float gelu_erf(float x) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}
__device__ __forceinline__ float quick_gelu(float x) { return x / (1.0f + expf(-1.702f * x)); }

template <typename T>
__device__ void activate(const T* input, T* output, int64_t count, int activation) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const float x = to_float(input[i]);
    const float y = activation == 0 ? silu(x) : activation == 1 ? gelu_erf(x) : quick_gelu(x);
    output[i] = from_float<T>(y);
}

// diffusers' GEGLU: rows of 2 * width vectors, the second half through gelu times the first.
template <typename T, int VECTOR>
__device__ void geglu(const T* input, T* output, int64_t count, int width) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const T* hidden = input + (i / width * 2 * width + i % width) * VECTOR;
    const T* gate = hidden + static_cast<int64_t>(width) * VECTOR;
    if constexpr (VECTOR == 8) {
        float values[8], gates[8];
        load8_floats(hidden, values);
        load8_floats(gate, gates);
#pragma unroll
        for (int j = 0; j < 8; ++j) values[j] *= gelu_erf(gates[j]);
        store8_floats(output + i * 8, values);
    } else {
        output[i] = from_float<T>(to_float(*hidden) * gelu_erf(to_float(*gate)));
    }
}

// Moves a vector.
template <typename T, int VECTOR>
__device__ __forceinline__ void copy(T* to, const T* from) {
    if constexpr (VECTOR == 8) {
        store8(to, load8(from));
    } else {
        *to = *from;
    }
}

// The nearest pixel of a smaller image: row y of `height` is row y * rows / height of `rows`.
template <typename T, int VECTOR>
__device__ void upsample(const T* input, T* output, int64_t count, int rows, int columns,
                         int height, int width, int vectors) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int vector = i % vectors;
    const int64_t pixel = i / vectors;
    const int x = pixel % width;
    const int y = pixel / width % height;
    const int64_t sample = pixel / width / height;
    const int64_t from_y = static_cast<int64_t>(y) * rows / height;
    const int64_t from_x = static_cast<int64_t>(x) * columns / width;
    const int64_t from = (sample * rows + from_y) * columns + from_x;
    copy<T, VECTOR>(output + i * VECTOR, input + (from * vectors + vector) * VECTOR);
}

// Pixels of `left` vectors followed by `right` ones.
template <typename T, int VECTOR>
__device__ void concat(const T* first, const T* second, T* output, int64_t count, int left,
                       int right) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int64_t pixel = i / (left + right);
    const int vector = i % (left + right);
    const T* from = vector < left ? first + (pixel * left + vector) * VECTOR
                                  : second + (pixel * right + vector - left) * VECTOR;
    copy<T, VECTOR>(output + i * VECTOR, from);
}

#define ACTIVATE(SUFFIX, T)                                                                \
    extern "C" __global__ void activate##SUFFIX(const T* input, T* output, int64_t count,  \
                                                int activation) {                          \
        activate<T>(input, output, count, activation);                                     \
    }
#define POINTWISE(SUFFIX, T, VECTOR)                                                          \
    extern "C" __global__ void geglu##SUFFIX(const T* input, T* output, int64_t count,        \
                                             int width) {                                     \
        geglu<T, VECTOR>(input, output, count, width);                                        \
    }                                                                                         \
    extern "C" __global__ void upsample##SUFFIX(const T* input, T* output, int64_t count,     \
                                                int rows, int columns, int height, int width, \
                                                int vectors) {                                \
        upsample<T, VECTOR>(input, output, count, rows, columns, height, width, vectors);     \
    }                                                                                         \
    extern "C" __global__ void concat##SUFFIX(const T* first, const T* second, T* output,     \
                                              int64_t count, int left, int right) {           \
        concat<T, VECTOR>(first, second, output, count, left, right);                         \
    }

ACTIVATE(_f16, __half)
ACTIVATE(_bf16, __nv_bfloat16)
POINTWISE(_f16, __half, 8)
POINTWISE(_bf16, __nv_bfloat16, 8)
POINTWISE(_1_f16, __half, 1)
POINTWISE(_1_bf16, __nv_bfloat16, 1)
