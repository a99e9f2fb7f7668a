// The softmax against a plain one in f64.
#include "check.hpp"

#include "../softmax.cu"

namespace {

using check::Case;
using check::Random;

template <typename T>
using Softmax = void (*)(const T*, T*, int, float);

template <typename T>
double run(Softmax<T> kernel, int rows, int width, unsigned threads, float scale) {
    Random random(unsigned(rows * 31 + width));
    std::vector<T> scores(size_t(rows) * width);
    for (T& score : scores) score = random.normal<T>(20);
    auto output = check::unwritten<T>(scores.size());
    host::launch(dim3(unsigned(rows)), dim3(threads), 0,
                 [&] { kernel(scores.data(), output.data(), width, scale); });
    double largest_error = 0;
    for (int row = 0; row < rows; ++row) {
        const T* own = scores.data() + size_t(row) * width;
        double largest = -HUGE_VAL, sum = 0;
        for (int i = 0; i < width; ++i) largest = std::max<double>(largest, to_float(own[i]));
        for (int i = 0; i < width; ++i) sum += std::exp((to_float(own[i]) - largest) * scale);
        for (int i = 0; i < width; ++i) {
            const double want = std::exp((to_float(own[i]) - largest) * scale) / sum;
            // Half of f16's least step below its normal numbers.
            const double allowed = 1.1 * check::rounding(T{}) * want + 0x1p-25 + 1e-5 * want;
            check::compare(largest_error, to_float(output[size_t(row) * width + i]), want, allowed);
        }
    }
    return largest_error;
}

template <typename T>
void add_cases(std::vector<Case>& cases, Softmax<T> kernel) {
    const std::string name = std::string("softmax_") + check::type_name(T{});
    for (int rows : {1, 2, 3})
        for (int width : {1, 2, 31, 32, 33, 63, 64, 65, 96, 127, 128, 257, 1000, 4096})
            cases.push_back({name, std::to_string(rows) + "x" + std::to_string(width),
                             rows == 2 && width < 65, [=] {
                                 return run<T>(kernel, rows, width, width > 64 ? 128 : 64,
                                               1.0f / float(1 + width % 7));
                             }});
}

}  // namespace

int main(int count, char** words) {
    std::vector<Case> cases;
    add_cases<__half>(cases, softmax_f16);
    add_cases<__nv_bfloat16>(cases, softmax_bf16);
    return check::run(count, words, cases);
}
