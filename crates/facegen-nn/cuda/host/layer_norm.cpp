// The layer norm against a plain one in f64.
#include "check.hpp"

#include "../layer_norm.cu"

namespace {

using check::Case;
using check::Random;

template <typename T>
using LayerNorm = void (*)(const T*, const T*, const T*, T*, int, int, float);

struct Shape {
    int rows, width;
    double mean = 0;
    bool small = false;

    std::string text() const {
        return std::to_string(rows) + "x" + std::to_string(width) + " mean " + std::to_string(mean);
    }
};

template <typename T>
double run(LayerNorm<T> kernel, const Shape& shape) {
    constexpr int WARPS = 4;
    Random random(unsigned(shape.rows * 31 + shape.width));
    const size_t count = size_t(shape.rows) * shape.width;
    std::vector<T> input(count), scale(shape.width), shift(shape.width);
    for (T& value : input)
        value = from_float<T>(float(to_float(random.normal<T>(1)) + shape.mean));
    for (T& value : scale) value = random.normal<T>(1);
    for (T& value : shift) value = random.normal<T>(0.5);
    auto output = check::unwritten<T>(count);
    host::launch(dim3(unsigned((shape.rows + WARPS - 1) / WARPS)), dim3(32 * WARPS), 0, [&] {
        kernel(input.data(), scale.data(), shift.data(), output.data(), shape.rows, shape.width,
               1e-5f);
    });
    double largest = 0;
    for (int row = 0; row < shape.rows; ++row) {
        const auto value = [&](int i) {
            return double(to_float(input[size_t(row) * shape.width + i]));
        };
        double mean = 0, square = 0;
        for (int i = 0; i < shape.width; ++i) mean += value(i);
        mean /= shape.width;
        for (int i = 0; i < shape.width; ++i) square += (value(i) - mean) * (value(i) - mean);
        const double factor = 1 / std::sqrt(square / shape.width + 1e-5);
        for (int i = 0; i < shape.width; ++i) {
            const double normed = (value(i) - mean) * factor * to_float(scale[i]);
            const double want = normed + to_float(shift[i]);
            const double allowed = 1.1 * check::rounding(T{}) * std::fabs(want) +
                                   4e-6 * (1 + std::fabs(normed)) * (1 + std::fabs(shape.mean) * factor);
            check::compare(largest, to_float(output[size_t(row) * shape.width + i]), want, allowed);
        }
    }
    return largest;
}

template <typename T>
void add_cases(std::vector<Case>& cases, int vector, LayerNorm<T> kernel) {
    const std::string name =
        std::string("layer_norm_") + check::type_name(T{}) + "_" + std::to_string(vector);
    std::vector<Shape> shapes = {{1, 2 * vector, 0, true},   {5, 40 * vector, 0, true},
                                 {64, 40 * vector},          {77, 96 * vector},
                                 {257, 160 * vector},        {6, 33 * vector, 50},
                                 {3, 320, -400}};
    for (int rows : {1, 2, 3, 4, 5, 9, 31})
        for (int vectors : {2, 3, 31, 32, 33, 64, 65}) shapes.push_back({rows, vectors * vector, 1});
    for (const Shape& shape : shapes)
        cases.push_back({name, shape.text(), shape.small, [=] { return run<T>(kernel, shape); }});
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
    add_cases<__half>(cases, 8, layer_norm_f16);
    add_cases<__nv_bfloat16>(cases, 8, layer_norm_bf16);
    add_cases<__half>(cases, 1, layer_norm_1_f16);
    add_cases<__nv_bfloat16>(cases, 1, layer_norm_1_bf16);
    return check::run(count, words, cases);
}
