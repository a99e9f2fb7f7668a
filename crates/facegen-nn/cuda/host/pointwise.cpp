// The kernels that handle every value on its own, against plain ones.
#include "check.hpp"

#include "../pointwise.cu"

namespace {

using check::Case;
using check::Random;

constexpr int BLOCK = 64;

template <typename T>
using Activate = void (*)(const T*, T*, int64_t, int);
template <typename T>
using Geglu = void (*)(const T*, T*, int64_t, int);
template <typename T>
using Upsample = void (*)(const T*, T*, int64_t, int, int, int, int, int);
template <typename T>
using Concat = void (*)(const T*, const T*, T*, int64_t, int, int);

template <typename F>
void launch(int64_t threads, F kernel) {
    host::launch(dim3(unsigned((threads + BLOCK - 1) / BLOCK)), dim3(BLOCK), 0, kernel);
}

template <typename T>
std::vector<T> normal(Random& random, size_t count, double deviation) {
    std::vector<T> values(count);
    for (T& value : values) value = random.normal<T>(deviation);
    return values;
}

double activation(int kind, double x) {
    if (kind == 0) return x / (1 + std::exp(-x));
    if (kind == 1) return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    return x / (1 + std::exp(-1.702 * x));
}

template <typename T>
double allowed(double want) {
    return 1.1 * check::rounding(T{}) * std::fabs(want) + 1e-6;
}

template <typename T>
double run_activate(Activate<T> kernel, int count, int kind, double deviation) {
    Random random(unsigned(count + kind));
    const auto input = normal<T>(random, size_t(count), deviation);
    auto output = check::unwritten<T>(size_t(count));
    launch(count, [&] { kernel(input.data(), output.data(), count, kind); });
    double largest = 0;
    for (size_t i = 0; i < size_t(count); ++i) {
        const double want = activation(kind, to_float(input[i]));
        check::compare(largest, to_float(output[i]), want, allowed<T>(want));
    }
    return largest;
}

template <typename T>
double run_geglu(Geglu<T> kernel, int vector, int rows, int width) {
    Random random(unsigned(rows * 7 + width));
    const int values = width * vector;
    const auto input = normal<T>(random, size_t(rows) * 2 * values, 1.5);
    auto output = check::unwritten<T>(size_t(rows) * values);
    launch(rows * width, [&] {
        kernel(input.data(), output.data(), int64_t(rows) * width, width);
    });
    double largest = 0;
    for (int row = 0; row < rows; ++row)
        for (int i = 0; i < values; ++i) {
            const size_t at = size_t(row) * 2 * values + i;
            const double want = to_float(input[at]) * activation(1, to_float(input[at + values]));
            check::compare(largest, to_float(output[size_t(row) * values + i]), want,
                           allowed<T>(want) * (1 + std::fabs(to_float(input[at]))));
        }
    return largest;
}

template <typename T>
double run_upsample(Upsample<T> kernel, int vector, std::vector<int> sizes) {
    const int batch = sizes[0], rows = sizes[1], columns = sizes[2], height = sizes[3],
              width = sizes[4], vectors = sizes[5], channels = vectors * vector;
    Random random(unsigned(rows * 7 + columns));
    const auto input = normal<T>(random, size_t(batch) * rows * columns * channels, 1);
    auto output = check::unwritten<T>(size_t(batch) * height * width * channels);
    const int64_t count = int64_t(batch) * height * width * vectors;
    launch(count, [&] {
        kernel(input.data(), output.data(), count, rows, columns, height, width, vectors);
    });
    double largest = 0;
    for (int b = 0; b < batch; ++b)
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                for (int i = 0; i < channels; ++i) {
                    const size_t to = ((size_t(b) * height + y) * width + x) * channels + i;
                    const size_t from =
                        ((size_t(b) * rows + y * rows / height) * columns + x * columns / width) *
                            channels + i;
                    check::compare(largest, to_float(output[to]), to_float(input[from]), 1e-30);
                }
    return largest;
}

template <typename T>
double run_concat(Concat<T> kernel, int vector, int pixels, int left, int right) {
    Random random(unsigned(pixels * 7 + left));
    const auto first = normal<T>(random, size_t(pixels) * left * vector, 1);
    const auto second = normal<T>(random, size_t(pixels) * right * vector, 1);
    const int channels = (left + right) * vector;
    auto output = check::unwritten<T>(size_t(pixels) * channels);
    const int64_t count = int64_t(pixels) * (left + right);
    launch(count, [&] {
        kernel(first.data(), second.data(), output.data(), count, left, right);
    });
    double largest = 0;
    for (int pixel = 0; pixel < pixels; ++pixel)
        for (int i = 0; i < channels; ++i) {
            const int split = left * vector;
            const T want = i < split ? first[size_t(pixel) * split + i]
                                     : second[size_t(pixel) * right * vector + i - split];
            check::compare(largest, to_float(output[size_t(pixel) * channels + i]), to_float(want),
                           1e-30);
        }
    return largest;
}

template <typename T>
void add_activations(std::vector<Case>& cases, Activate<T> kernel) {
    const std::string name = std::string("activate_") + check::type_name(T{});
    for (int kind : {0, 1, 2})
        for (int count : {1, 7, 63, 64, 65, 100, 127, 128, 129, 200, 300, 400, 500, 1000})
            cases.push_back({name, std::to_string(kind) + " of " + std::to_string(count),
                             count < 8, [=] {
                                 return run_activate<T>(kernel, count, kind, 0.1 * (count % 90));
                             }});
}

template <typename T>
void add_cases(std::vector<Case>& cases, int vector, Geglu<T> geglu, Upsample<T> upsample,
               Concat<T> concat) {
    const std::string end =
        std::string("_") + check::type_name(T{}) + "_" + std::to_string(vector);
    for (int rows : {1, 2, 3, 5, 17, 64})
        for (int width : {1, 2, 3, 7, 16, 33, 65})
            cases.push_back({"geglu" + end, std::to_string(rows) + "x" + std::to_string(width),
                             rows == 2 && width < 3,
                             [=] { return run_geglu<T>(geglu, vector, rows, width); }});
    for (int rows : {1, 2, 3, 5, 8, 12, 9})
        for (int columns : {1, 2, 7, 8, 9, 11})
            cases.push_back({"upsample" + end, std::to_string(rows) + "x" + std::to_string(columns),
                             rows == 2 && columns == 2, [=] {
                                 return run_upsample<T>(upsample, vector,
                                                        {1 + rows % 2, rows, columns,
                                                         2 * rows - rows % 2,
                                                         2 * columns - columns % 3 / 2, 3});
                             }});
    for (int pixels : {1, 2, 9, 64})
        for (int left : {1, 2, 5, 8, 40})
            for (int right : {1, 3, 8})
                cases.push_back({"concat" + end,
                                 std::to_string(pixels) + ": " + std::to_string(left) + " and " +
                                     std::to_string(right),
                                 pixels == 2 && left == 2,
                                 [=] { return run_concat<T>(concat, vector, pixels, left, right); }});
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
    add_activations<__half>(cases, activate_f16);
    add_activations<__nv_bfloat16>(cases, activate_bf16);
    add_cases<__half>(cases, 8, geglu_f16, upsample_f16, concat_f16);
    add_cases<__nv_bfloat16>(cases, 8, geglu_bf16, upsample_bf16, concat_bf16);
    add_cases<__half>(cases, 1, geglu_1_f16, upsample_1_f16, concat_1_f16);
    add_cases<__nv_bfloat16>(cases, 1, geglu_1_bf16, upsample_1_bf16, concat_1_bf16);
    return check::run(count, words, cases);
}
