// Matrices and images of any element type on the device, as the libraries see them.
#pragma once

#include <cstdint>
#include <vector>

#include "number.hpp"

namespace driver {

enum class Type { f32, f64, f16, bf16 };

inline size_t size_of(Type type) {
    switch (type) {
        case Type::f64: return 8;
        case Type::f32: return 4;
        default: return 2;
    }
}

// Numbers of cuBLAS and cuBLASLt, and of cuDNN.
inline Type cuda_type(int number) {
    switch (number) {
        case 1: return Type::f64;
        case 2: return Type::f16;
        case 14: return Type::bf16;
        default: return Type::f32;
    }
}

inline Type cudnn_type(int number) {
    switch (number) {
        case 1: return Type::f64;
        case 2: return Type::f16;
        case 9: return Type::bf16;
        default: return Type::f32;
    }
}

inline float get(const void* values, Type type, size_t i) {
    switch (type) {
        case Type::f64: return float(static_cast<const double*>(values)[i]);
        case Type::f32: return static_cast<const float*>(values)[i];
        case Type::f16: return __half2float(static_cast<const __half*>(values)[i]);
        default: return __bfloat162float(static_cast<const __nv_bfloat16*>(values)[i]);
    }
}

inline void set(void* values, Type type, size_t i, float value) {
    switch (type) {
        case Type::f64: static_cast<double*>(values)[i] = value; return;
        case Type::f32: static_cast<float*>(values)[i] = value; return;
        case Type::f16: static_cast<__half*>(values)[i] = __float2half_rn(value); return;
        default: static_cast<__nv_bfloat16*>(values)[i] = __float2bfloat16_rn(value);
    }
}

inline float dot(const float* left, const float* right, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; ++i) sum += left[i] * right[i];
    return sum;
}

// A matrix whose columns lie one after the other.
struct Matrix {
    Type type;
    uint64_t rows, columns;
    int64_t pitch;  // from column to column

    size_t bytes() const {
        if (rows == 0 || columns == 0) return 0;
        return (size_t(pitch) * (columns - 1) + rows) * size_of(type);
    }
};

struct Product {
    bool transposes_left, transposes_right;
    float alpha, beta;
    const void* bias;  // of each row of the result, if there is one
};

// result = alpha · left · right + beta · added + bias, with sums in f32.
inline void multiply(const Product& product, const Matrix& left, const void* a, const Matrix& right,
                     const void* b, const void* added, const Matrix& result, void* output) {
    const uint64_t inner = product.transposes_left ? left.rows : left.columns;
    const auto read = [](const Matrix& m, const void* values, bool transposes) {
        const uint64_t rows = transposes ? m.columns : m.rows;
        const uint64_t columns = transposes ? m.rows : m.columns;
        std::vector<float> floats(rows * columns);
        for (uint64_t i = 0; i < rows; ++i)
            for (uint64_t j = 0; j < columns; ++j) {
                const size_t at = transposes ? j + i * size_t(m.pitch) : i + j * size_t(m.pitch);
                floats[i * columns + j] = get(values, m.type, at);
            }
        return floats;
    };
    // Rows of the left and columns of the right, each one after the other.
    const std::vector<float> rows = read(left, a, product.transposes_left);
    const std::vector<float> columns = read(right, b, !product.transposes_right);
    for (uint64_t j = 0; j < result.columns; ++j)
        for (uint64_t i = 0; i < result.rows; ++i) {
            float sum = dot(&rows[i * inner], &columns[j * inner], inner);
            const size_t at = i + j * size_t(result.pitch);
            sum *= product.alpha;
            if (product.beta != 0) sum += product.beta * get(added, result.type, at);
            if (product.bias) sum += get(product.bias, result.type, i);
            set(output, result.type, at, sum);
        }
}

// Four axes in the order of cuDNN: batch, channels, height, width; or, of a filter: output, input.
struct Image {
    Type type = Type::f32;
    int sizes[4] = {}, strides[4] = {};

    void pack(bool channels_last) {
        const int c = sizes[1], h = sizes[2], w = sizes[3];
        const int last[4] = {h * w * c, 1, w * c, c}, first[4] = {c * h * w, h * w, w, 1};
        for (int i = 0; i < 4; ++i) strides[i] = channels_last ? last[i] : first[i];
    }

    size_t at(int n, int c, int y, int x) const {
        return size_t(n) * strides[0] + size_t(c) * strides[1] + size_t(y) * strides[2] +
               size_t(x) * strides[3];
    }

    size_t bytes() const {
        return (at(sizes[0] - 1, sizes[1] - 1, sizes[2] - 1, sizes[3] - 1) + 1) * size_of(type);
    }
};

struct Convolution {
    int padding[2] = {}, stride[2] = {1, 1}, dilation[2] = {1, 1};
};

// What is added to a convolution: `scale` times values like the result, and one of each channel.
struct Added {
    float scale = 0;
    const void* values = nullptr;
    const void* bias = nullptr;
};

// Reads an image as f32, channels last.
inline std::vector<float> channels_last(const Image& image, const void* values) {
    const int* sizes = image.sizes;
    std::vector<float> floats;
    floats.reserve(size_t(sizes[0]) * size_t(sizes[1]) * size_t(sizes[2]) * size_t(sizes[3]));
    for (int n = 0; n < sizes[0]; ++n)
        for (int y = 0; y < sizes[2]; ++y)
            for (int x = 0; x < sizes[3]; ++x)
                for (int c = 0; c < sizes[1]; ++c)
                    floats.push_back(get(values, image.type, image.at(n, c, y, x)));
    return floats;
}

// Of one pixel and channel: `x` is one image, `w` one filter, both channels last.
inline float one_sum(const Convolution& conv, const Image& input, const float* x,
                     const Image& filter, const float* w, int row, int column) {
    const size_t channels = size_t(filter.sizes[1]);
    float sum = 0;
    for (int i = 0; i < filter.sizes[2]; ++i)
        for (int j = 0; j < filter.sizes[3]; ++j, w += channels) {
            const int from_row = row * conv.stride[0] + i * conv.dilation[0] - conv.padding[0];
            const int from = column * conv.stride[1] + j * conv.dilation[1] - conv.padding[1];
            if (from_row < 0 || from_row >= input.sizes[2] || from < 0 || from >= input.sizes[3])
                continue;
            sum += dot(x + size_t(from_row * input.sizes[3] + from) * channels, w, channels);
        }
    return sum;
}

inline void convolve(const Convolution& conv, const Image& input, const void* x,
                     const Image& filter, const void* w, const Added& added, const Image& output,
                     void* y) {
    const int* sizes = output.sizes;
    const std::vector<float> images = channels_last(input, x), filters = channels_last(filter, w);
    const size_t image = images.size() / size_t(input.sizes[0]);
    const size_t one = filters.size() / size_t(filter.sizes[0]);
    for (int n = 0; n < sizes[0]; ++n)
        for (int c = 0; c < sizes[1]; ++c)
            for (int row = 0; row < sizes[2]; ++row)
                for (int column = 0; column < sizes[3]; ++column) {
                    const size_t at = output.at(n, c, row, column);
                    float sum = one_sum(conv, input, &images[size_t(n) * image], filter,
                                        &filters[size_t(c) * one], row, column);
                    if (added.scale != 0)
                        sum += added.scale * get(added.values, output.type, at);
                    if (added.bias) sum += get(added.bias, output.type, size_t(c));
                    set(y, output.type, at, sum);
                }
}

}  // namespace driver
