// The convolution of an enlarged image, against the image enlarged and convolved.
#include "check.hpp"

#include "../upsample_conv.cu"

namespace {

using check::Case;
using check::Random;

struct Shape {
    int batch, rows, columns, inputs, outputs;

    int pixels() const { return batch * rows * columns; }
    std::string text() const {
        return std::to_string(batch) + "x" + std::to_string(rows) + "x" + std::to_string(columns) +
               ": " + std::to_string(inputs) + " to " + std::to_string(outputs);
    }
};

template <typename T>
using Kernel = void (*)(const T*, const T*, const T*, T*, int, int, int, int, int);

// Multiples of 1/64 up to 1/8, whose sums every type holds exactly: (outputs, 3, 3, inputs).
std::vector<double> weights_of(const Shape& shape, Random& random) {
    std::vector<double> weights(size_t(shape.outputs) * 9 * shape.inputs);
    for (double& weight : weights) {
        const double value = to_float(random.normal<float>(3));
        weight = std::clamp(std::round(value), -8.0, 8.0) / 64;
    }
    return weights;
}

// Sums the weights of the pixels that are the same in each phase.
template <typename T>
std::vector<T> fold(const Shape& shape, const std::vector<double>& weights) {
    const auto is_in = [](int phase, int tap, int i) {
        return phase == 0 ? (i == 0) == (tap == 0) : (i == 2) == (tap == 1);
    };
    std::vector<T> folded;
    for (int phase = 0; phase < 4; ++phase)
        for (int output = 0; output < shape.outputs; ++output)
            for (int tap = 0; tap < 4; ++tap)
                for (int input = 0; input < shape.inputs; ++input) {
                    double sum = 0;
                    for (int i = 0; i < 9; ++i)
                        if (is_in(phase / 2, tap / 2, i / 3) && is_in(phase % 2, tap % 2, i % 3))
                            sum += weights[(size_t(output) * 9 + i) * shape.inputs + input];
                    folded.push_back(from_float<T>(float(sum)));
                }
    return folded;
}

// The result at (y, x) of a sample and channel, and the sum of the magnitudes of its terms.
template <typename T>
std::pair<double, double> convolved(const Shape& shape, const std::vector<T>& image,
                                    const std::vector<double>& weights, int sample, int y, int x,
                                    int output) {
    double sum = 0, magnitude = 0;
    for (int i = 0; i < 9; ++i) {
        const int row = y + i / 3 - 1, column = x + i % 3 - 1;
        if (row < 0 || row >= 2 * shape.rows || column < 0 || column >= 2 * shape.columns) continue;
        const size_t pixel =
            (size_t(sample) * shape.rows + row / 2) * shape.columns + column / 2;
        for (int input = 0; input < shape.inputs; ++input) {
            const double term = to_float(image[pixel * shape.inputs + input]) *
                                weights[(size_t(output) * 9 + i) * shape.inputs + input];
            sum += term;
            magnitude += std::fabs(term);
        }
    }
    return {sum, magnitude};
}

template <typename T>
double run(Kernel<T> kernel, const Shape& shape) {
    Random random(unsigned(shape.pixels() * 31 + shape.inputs * 7 + shape.outputs));
    std::vector<T> image(size_t(shape.pixels()) * shape.inputs), bias(shape.outputs);
    for (T& value : image) value = random.normal<T>(1);
    for (T& value : bias) value = random.normal<T>(1);
    const auto weights = weights_of(shape, random);
    const auto folded = fold<T>(shape, weights);
    auto output = check::unwritten<T>(4 * size_t(shape.pixels()) * shape.outputs);
    const dim3 grid(unsigned(shape.outputs + CHANNELS - 1) / CHANNELS,
                    unsigned(shape.pixels() + PIXELS - 1) / PIXELS, 4);
    host::launch(grid, dim3(THREADS), SHARED_BYTES, [&] {
        kernel(image.data(), folded.data(), bias.data(), output.data(), shape.pixels(), shape.rows,
               shape.columns, shape.inputs, shape.outputs);
    });
    double largest = 0;
    size_t at = 0;
    for (int sample = 0; sample < shape.batch; ++sample)
        for (int y = 0; y < 2 * shape.rows; ++y)
            for (int x = 0; x < 2 * shape.columns; ++x)
                for (int channel = 0; channel < shape.outputs; ++channel) {
                    const auto [sum, magnitude] =
                        convolved(shape, image, weights, sample, y, x, channel);
                    const double want = sum + to_float(bias[channel]);
                    const double allowed =
                        1.1 * check::rounding(T{}) * std::fabs(want) + 1e-5 * magnitude + 1e-6;
                    check::compare(largest, to_float(output[at++]), want, allowed);
                }
    return largest;
}

template <typename T>
void add_cases(std::vector<Case>& cases, Kernel<T> kernel) {
    const std::string name = std::string("upsample_conv_") + check::type_name(T{});
    const auto add = [&](Shape shape, bool small) {
        cases.push_back({name, shape.text(), small, [=] { return run<T>(kernel, shape); }});
    };
    // One pixel, one row, one column; no multiples of the tile; more than one block each way.
    for (const auto& [rows, columns] : {std::pair{1, 1}, {1, 9}, {7, 1}, {3, 5}, {12, 11}})
        for (const auto& [inputs, outputs] :
             {std::pair{8, 8}, {16, 24}, {32, 8}, {40, 16}, {72, 32}, {96, 48}, {64, 136}})
            add({1, rows, columns, inputs, outputs}, rows == 3 && inputs == 40);
    for (int batch : {2, 3, 5}) add({batch, 5, 7, 24, 16}, false);
    add({2, 9, 8, 160, 64}, false);
    add({1, 16, 17, 48, 128}, false);
    add({1, 2, 130, 8, 8}, false);
    add({3, 7, 13, 8, 264}, false);
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
    add_cases<__half>(cases, upsample_conv_f16);
    add_cases<__nv_bfloat16>(cases, upsample_conv_bf16);
    return check::run(count, words, cases);
}
