// The kernels of candle that this project's path on a GPU uses, for the host:
// casts, copies, selected rows, and what guidance and schedulers compute in f32.
#include <functional>
#include <type_traits>

#include "kernel.hpp"

#include "../../../crates/facegen-nn/cuda/kernel.cuh"

namespace {

// Where the values of a tensor are that need not be contiguous.
struct Layout {
    size_t axes;
    const size_t* info;  // sizes, then the strides of each operand; null if all are contiguous
    size_t operand = 0;

    size_t at(size_t number) const {
        if (!info) return number;
        const size_t* strides = info + axes * (1 + operand);
        size_t place = 0;
        for (size_t axis = axes; axis-- > 0;) {
            place += number % info[axis] * strides[axis];
            number /= info[axis];
        }
        return place;
    }
};

template <typename From, typename To>
To convert(From value) {
    if constexpr (std::is_same_v<From, To>) return value;
    else return from_float<To>(to_float(value));
}

template <typename From, typename To>
void cast(size_t count, size_t axes, const size_t* info, const From* input, To* output) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i) output[i] = convert<From, To>(input[layout.at(i)]);
}

template <typename T>
void copy2d(const T* from, T* to, uint32_t rows, uint32_t columns, uint32_t from_pitch,
            uint32_t to_pitch) {
    for (size_t row = 0; row < rows; ++row)
        for (size_t column = 0; column < columns; ++column)
            to[row * to_pitch + column] = from[row * from_pitch + column];
}

template <typename T>
void constant(size_t count, size_t axes, const size_t* info, T value, T* output) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i) output[layout.at(i)] = value;
}

template <typename T>
void select(size_t count, size_t, const size_t*, const uint32_t* indices, const T* input, T* output,
            size_t, size_t sources, size_t selected, size_t right) {
    for (size_t i = 0; i < count; ++i) {
        const size_t left = i / (selected * right), index = indices[i / right % selected];
        output[i] = input[(left * sources + index) * right + i % right];
    }
}

// candle may give no input where the result replaces it.
template <typename T>
void affine(size_t count, size_t axes, const size_t* info, const T* input, T* output, T factor,
            T summand) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i) {
        const float value = convert<T, float>(input ? input[layout.at(i)] : output[i]);
        output[i] = convert<float, T>(value * convert<T, float>(factor) + convert<T, float>(summand));
    }
}

template <typename Operation>
void binary(size_t count, size_t axes, const size_t* info, const float* left, const float* right,
            float* output) {
    const Layout first = {axes, info, 0}, second = {axes, info, 1};
    for (size_t i = 0; i < count; ++i)
        output[i] = Operation{}(left[first.at(i)], right[second.at(i)]);
}

struct Larger {
    float operator()(float a, float b) const { return std::fmax(a, b); }
};
struct Smaller {
    float operator()(float a, float b) const { return std::fmin(a, b); }
};

void sum(size_t count, size_t each, size_t axes, const size_t* info, const float* input,
         float* output) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i) {
        if (i % each == 0) output[i / each] = 0;
        output[i / each] += input[layout.at(i)];
    }
}

void to_bytes(size_t count, size_t axes, const size_t* info, const float* input, uint8_t* output) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i) output[i] = uint8_t(input[layout.at(i)]);
}

void round_all(size_t count, size_t axes, const size_t* info, const float* input, float* output) {
    const Layout layout = {axes, info};
    for (size_t i = 0; i < count; ++i)
        output[i] = std::round(input ? input[layout.at(i)] : output[i]);
}

}  // namespace

HOST_FUNCTION(badd_f32, binary<std::plus<float>>)
HOST_FUNCTION(bsub_f32, binary<std::minus<float>>)
HOST_FUNCTION(bmul_f32, binary<std::multiplies<float>>)
HOST_FUNCTION(bdiv_f32, binary<std::divides<float>>)
HOST_FUNCTION(bmaximum_f32, binary<Larger>)
HOST_FUNCTION(bminimum_f32, binary<Smaller>)
HOST_FUNCTION(fast_sum_f32, sum)
HOST_FUNCTION(cast_f32_u8, to_bytes)
HOST_FUNCTION(uround_f32, round_all)

#define CASTS(NAME, T)                                    \
    HOST_FUNCTION(cast_##NAME##_f32, (cast<T, float>))    \
    HOST_FUNCTION(cast_##NAME##_f16, (cast<T, __half>))   \
    HOST_FUNCTION(cast_##NAME##_bf16, (cast<T, __nv_bfloat16>))
#define KERNELS(NAME, T)                          \
    HOST_FUNCTION(affine_##NAME, affine<T>)       \
    HOST_FUNCTION(ucopy_##NAME, (cast<T, T>))     \
    HOST_FUNCTION(copy2d_##NAME, copy2d<T>)       \
    HOST_FUNCTION(const_set_##NAME, constant<T>)  \
    HOST_FUNCTION(is_u32_##NAME, select<T>)       \
    CASTS(NAME, T)

KERNELS(f32, float)
KERNELS(f16, __half)
KERNELS(bf16, __nv_bfloat16)
