// The group norm against a plain one in f64.
#include "check.hpp"

#include "../group_norm.cu"

namespace {

using check::Case;
using check::Random;

template <typename T>
using Stats = void (*)(const T*, const T*, Moments*, int, int, int, int);
template <typename T>
using Apply = void (*)(const T*, const T*, const Moments*, const T*, const T*, T*, int, int, int,
                       int, float, int);

struct Shape {
    int batch, pixels, channels, groups, part;
    bool is_shifted, silu;
    double mean = 0;
    bool small = false;

    std::string text() const {
        char text[160];
        std::snprintf(text, sizeof text, "%dx%dx%d groups %d part %d shift %d silu %d mean %g",
                      batch, pixels, channels, groups, part, is_shifted, silu, mean);
        return text;
    }
};

template <typename T>
std::vector<T> normal(Random& random, size_t count, double deviation, double mean) {
    std::vector<T> values(count);
    for (T& value : values) value = from_float<T>(to_float(random.normal<T>(deviation)) + mean);
    return values;
}

template <typename T>
double run(Stats<T> stats, Apply<T> apply, int vector, const Shape& shape) {
    Random random(unsigned(shape.pixels * 31 + shape.channels));
    const size_t count = size_t(shape.batch) * shape.pixels * shape.channels;
    const auto input = normal<T>(random, count, 1, shape.mean);
    const auto shift = normal<T>(random, size_t(shape.batch) * shape.channels, 0.5, 0);
    const auto scale = normal<T>(random, shape.channels, 0.3, 1);
    const auto bias = normal<T>(random, shape.channels, 0.3, 0);
    auto output = check::unwritten<T>(count);
    const int parts = (shape.pixels + shape.part - 1) / shape.part;
    std::vector<Moments> statistics(size_t(shape.batch) * parts * shape.groups);
    const int lanes = shape.channels / vector, at_once = std::max(64 / lanes, 1);
    const unsigned threads = unsigned((lanes * at_once + 31) / 32 * 32);
    const size_t shared = 8 * size_t(threads / lanes) * shape.channels;
    const T* added = shape.is_shifted ? shift.data() : nullptr;
    const dim3 grid(unsigned(parts), unsigned(shape.batch));
    host::launch(grid, dim3(threads), shared, [&] {
        stats(input.data(), added, statistics.data(), shape.pixels, shape.channels, shape.groups,
              shape.part);
    });
    host::launch(grid, dim3(threads), 0, [&] {
        apply(input.data(), added, statistics.data(), scale.data(), bias.data(), output.data(),
              shape.pixels, shape.channels, shape.groups, shape.part, 1e-5f, shape.silu);
    });

    double largest = 0;
    const int width = shape.channels / shape.groups;
    const auto value = [&](int sample, int pixel, int channel) {
        const size_t index = (size_t(sample) * shape.pixels + pixel) * shape.channels + channel;
        const float add = added ? to_float(added[sample * shape.channels + channel]) : 0;
        return double(to_float(input[index])) + add;
    };
    for (int sample = 0; sample < shape.batch; ++sample)
        for (int group = 0; group < shape.groups; ++group) {
            double mean = 0, square = 0;
            const double values = double(shape.pixels) * width;
            for (int pixel = 0; pixel < shape.pixels; ++pixel)
                for (int i = 0; i < width; ++i) mean += value(sample, pixel, group * width + i);
            mean /= values;
            for (int pixel = 0; pixel < shape.pixels; ++pixel)
                for (int i = 0; i < width; ++i) {
                    const double off = value(sample, pixel, group * width + i) - mean;
                    square += off * off;
                }
            const double factor = 1 / std::sqrt(square / values + 1e-5);
            for (int pixel = 0; pixel < shape.pixels; ++pixel)
                for (int i = 0; i < width; ++i) {
                    const int channel = group * width + i;
                    const double off = (value(sample, pixel, channel) - mean) * factor;
                    double want = off * to_float(scale[channel]) + to_float(bias[channel]);
                    if (shape.silu) want /= 1 + std::exp(-want);
                    const size_t index =
                        (size_t(sample) * shape.pixels + pixel) * shape.channels + channel;
                    // One rounding, and what f32 loses of values far from zero.
                    const double allowed = 1.1 * check::rounding(T{}) * std::fabs(want) +
                                           4e-6 * (2 + std::fabs(shape.mean) * factor);
                    check::compare(largest, to_float(output[index]), want, allowed);
                }
        }
    return largest;
}

std::vector<Shape> shapes(int vector) {
    std::vector<Shape> shapes = {
        {1, 1, 2 * vector, 1, 16, false, false, 0, true},
        {2, 37, 4 * vector, 2, 16, true, true, 0, true},
        {1, 64, 40 * vector, 32, 16, true, true},
        {2, 96, 80 * vector, 32, 32, false, true},
        {1, 50, 6 * vector, 6, 7, true, false, 100},
        {1, 50, 6 * vector, 6, 50, false, true, -3000},
        {1, 6144, 2 * vector, 2, 96, true, true},
        {3, 20, 120 * vector, 32, 16, true, true},
    };
    for (int pixels : {2, 3, 15, 16, 17, 31, 33, 63, 65, 100, 129})
        for (int channels : {2, 5, 12})
            shapes.push_back({1 + pixels % 2, pixels, channels * vector, channels, 1 + pixels / 3,
                              pixels % 2 == 0, channels % 2 == 0, 0.5 * channels});
    return shapes;
}

template <typename T>
void add_cases(std::vector<Case>& cases, int vector, Stats<T> stats, Apply<T> apply) {
    const std::string name =
        std::string("group_norm_") + check::type_name(T{}) + "_" + std::to_string(vector);
    for (const Shape& shape : shapes(vector))
        cases.push_back({name, shape.text(), shape.small,
                         [=] { return run<T>(stats, apply, vector, shape); }});
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
    add_cases<__half>(cases, 8, group_norm_stats_f16, group_norm_apply_f16);
    add_cases<__nv_bfloat16>(cases, 8, group_norm_stats_bf16, group_norm_apply_bf16);
    add_cases<__half>(cases, 1, group_norm_stats_1_f16, group_norm_apply_1_f16);
    add_cases<__nv_bfloat16>(cases, 1, group_norm_stats_1_bf16, group_norm_apply_1_bf16);
    return check::run(count, words, cases);
}
