// Group normalisation (Wu and He, 2018) over channels-last images, with a value added to every
// channel of a sample before it (a residual block's time embedding) and silu after it.
//
// Two kernels, both with grid (parts, batch): the first computes mean and sum of squared
// deviations of each group over a part of the pixels, the second merges them (Chan, Golub and
// LeVeque, 1979) and normalises. Squares are of differences to the channel's first pixel, so that
// a large mean costs no digits.
//
// Block: for `lanes` = channels / VECTOR, at least `lanes` threads and a multiple of 32. Thread
// `t` keeps the channels of lane `t % lanes` and takes every `threads / lanes`-th pixel; threads
// that are over have no pixels.
#include "kernel.cuh"

constexpr int MAX_GROUPS = 64;

// Mean and sum of squared deviations.
struct Moments {
    float mean;
    float squares;
};

// The pixels and channels of one thread.
struct Place {
    int pixel, pixels_at_once, channel;
    bool is_over;
};

template <int VECTOR>
__device__ __forceinline__ Place place(int channels) {
    const int lanes = channels / VECTOR;
    const int at_once = blockDim.x / lanes;
    const int row = threadIdx.x / lanes;
    return {row, at_once, static_cast<int>(threadIdx.x % lanes) * VECTOR, row >= at_once};
}

template <typename T, int VECTOR>
__device__ __forceinline__ void read(const T* address, float (&values)[VECTOR]) {
    if constexpr (VECTOR == 8) {
        load8_floats(address, values);
    } else {
        values[0] = to_float(*address);
    }
}

template <typename T, int VECTOR>
__device__ __forceinline__ void write(T* address, const float (&values)[VECTOR]) {
    if constexpr (VECTOR == 8) {
        store8_floats(address, values);
    } else {
        *address = from_float<T>(values[0]);
    }
}

// Dynamic shared memory: 2 * (threads / lanes) * channels floats.
template <typename T, int VECTOR>
__device__ void group_norm_stats(const T* input, const T* shift, Moments* statistics, int pixels,
                                 int channels, int groups, int part) {
    const int sample = blockIdx.y;
    const int first = blockIdx.x * part;
    const int count = min(part, pixels - first);
    const Place at = place<VECTOR>(channels);
    const T* image = input + static_cast<int64_t>(sample) * pixels * channels;
    float* sums = dynamic_shared<float>();
    float* squares = sums + at.pixels_at_once * channels;

    if (!at.is_over) {
        float pivot[VECTOR], sum[VECTOR] = {}, square[VECTOR] = {};
        read<T, VECTOR>(image + at.channel, pivot);
        const T* pixel = image + static_cast<int64_t>(first) * channels + at.channel;
#pragma unroll 4
        for (int i = at.pixel; i < count; i += at.pixels_at_once) {
            float values[VECTOR];
            read<T, VECTOR>(pixel + static_cast<int64_t>(i) * channels, values);
#pragma unroll
            for (int j = 0; j < VECTOR; ++j) {
                const float difference = values[j] - pivot[j];
                sum[j] += difference;
                square[j] += difference * difference;
            }
        }
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) {
            sums[at.pixel * channels + at.channel + j] = sum[j];
            squares[at.pixel * channels + at.channel + j] = square[j];
        }
    }
    __syncthreads();

    // Of each channel, in place of its first partial sum.
    for (int channel = threadIdx.x; channel < channels; channel += blockDim.x) {
        float sum = 0, square = 0;
        for (int row = 0; row < at.pixels_at_once; ++row) {
            sum += sums[row * channels + channel];
            square += squares[row * channels + channel];
        }
        const float added = shift ? to_float(shift[sample * channels + channel]) : 0.0f;
        sums[channel] = to_float(image[channel]) + added + sum / count;
        squares[channel] = square - sum * sum / count;
    }
    __syncthreads();

    const int lane = threadIdx.x % WARP_THREADS, warps = blockDim.x / WARP_THREADS;
    const int width = channels / groups;
    for (int group = threadIdx.x / WARP_THREADS; group < groups; group += warps) {
        const int from = group * width;
        float mean = 0;
        for (int i = lane; i < width; i += WARP_THREADS) mean += sums[from + i];
        mean = warp_sum(mean) / width;
        float square = 0;
        for (int i = lane; i < width; i += WARP_THREADS) {
            const float difference = sums[from + i] - mean;
            square += squares[from + i] + difference * difference * count;
        }
        square = warp_sum(square);
        if (lane == 0) {
            const int64_t index = static_cast<int64_t>(sample) * gridDim.x + blockIdx.x;
            statistics[index * groups + group] = {mean, square};
        }
    }
}

// Merges the parts of every group of a sample into mean and reciprocal deviation.
__device__ __forceinline__ void merge(const Moments* statistics, Moments* merged, int pixels,
                                      int width, int groups, int part, int parts, float eps) {
    const int lane = threadIdx.x % WARP_THREADS, warps = blockDim.x / WARP_THREADS;
    for (int group = threadIdx.x / WARP_THREADS; group < groups; group += warps) {
        float mean = 0;
        for (int i = lane; i < parts; i += WARP_THREADS) {
            mean += statistics[i * groups + group].mean * min(part, pixels - i * part);
        }
        mean = warp_sum(mean) / pixels;
        float squares = 0;
        for (int i = lane; i < parts; i += WARP_THREADS) {
            const Moments own = statistics[i * groups + group];
            const float difference = own.mean - mean;
            const float values = static_cast<float>(min(part, pixels - i * part)) * width;
            squares += own.squares + difference * difference * values;
        }
        squares = warp_sum(squares);
        if (lane == 0) {
            const float variance = squares / (static_cast<float>(pixels) * width);
            merged[group] = {mean, rsqrtf(variance + eps)};
        }
    }
}

template <typename T, int VECTOR>
__device__ void group_norm_apply(const T* input, const T* shift, const Moments* statistics,
                                 const T* scale, const T* bias, T* output, int pixels,
                                 int channels, int groups, int part, float eps, int silu) {
    __shared__ Moments merged[MAX_GROUPS];
    const int sample = blockIdx.y, width = channels / groups;
    merge(statistics + static_cast<int64_t>(sample) * gridDim.x * groups, merged, pixels, width,
          groups, part, gridDim.x, eps);
    __syncthreads();

    const Place at = place<VECTOR>(channels);
    if (at.is_over) return;
    float factor[VECTOR], offset[VECTOR];
#pragma unroll
    for (int j = 0; j < VECTOR; ++j) {
        const int channel = at.channel + j;
        const Moments own = merged[channel / width];
        const float added = shift ? to_float(shift[sample * channels + channel]) : 0.0f;
        factor[j] = own.squares * to_float(scale[channel]);
        offset[j] = (added - own.mean) * factor[j] + to_float(bias[channel]);
    }
    const int first = blockIdx.x * part;
    const int count = min(part, pixels - first);
    const int64_t start =
        (static_cast<int64_t>(sample) * pixels + first) * channels + at.channel;
#pragma unroll 4
    for (int i = at.pixel; i < count; i += at.pixels_at_once) {
        const int64_t index = start + static_cast<int64_t>(i) * channels;
        float values[VECTOR];
        read<T, VECTOR>(input + index, values);
#pragma unroll
        for (int j = 0; j < VECTOR; ++j) {
            const float normed = values[j] * factor[j] + offset[j];
            values[j] = silu ? normed / (1.0f + expf(-normed)) : normed;
        }
        write<T, VECTOR>(output + index, values);
    }
}

#define GROUP_NORM(SUFFIX, T, VECTOR)                                                             \
    extern "C" __global__ void group_norm_stats##SUFFIX(const T* input, const T* shift,           \
                                                        Moments* statistics, int pixels,          \
                                                        int channels, int groups, int part) {     \
        group_norm_stats<T, VECTOR>(input, shift, statistics, pixels, channels, groups, part);    \
    }                                                                                             \
    extern "C" __global__ void group_norm_apply##SUFFIX(                                          \
        const T* input, const T* shift, const Moments* statistics, const T* scale, const T* bias, \
        T* output, int pixels, int channels, int groups, int part, float eps, int silu) {         \
        group_norm_apply<T, VECTOR>(input, shift, statistics, scale, bias, output, pixels,        \
                                    channels, groups, part, eps, silu);                           \
    }

GROUP_NORM(_f16, __half, 8)
GROUP_NORM(_bf16, __nv_bfloat16, 8)
GROUP_NORM(_1_f16, __half, 1)
GROUP_NORM(_1_bf16, __nv_bfloat16, 1)
