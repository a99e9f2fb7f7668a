// Compares a kernel on the host with a plain computation, case by case.
//
// Each `host/<kernel>.cpp` includes `../<kernel>.cu`, adds its cases in
// `add_cases` and is compiled to a program:
//
//   <kernel>                     runs all cases; a line for each entry point
//   <kernel> --small             runs the cases that a sanitizer can afford
//   <kernel> --small --barriers  also lists the numbers of the barriers met
//   ... --without <number>       takes one barrier away
//
// It exits with 1 if a result is off.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "../kernel.cuh"

namespace check {

constexpr double NAN64 = std::numeric_limits<double>::quiet_NaN();

// Half a unit in the last place, relative: what one rounding may cost.
inline double rounding(__half) { return 0x1p-11; }
inline double rounding(__nv_bfloat16) { return 0x1p-8; }

inline const char* type_name(__half) { return "f16"; }
inline const char* type_name(__nv_bfloat16) { return "bf16"; }

// A buffer in "device" memory, NaN until written. Nothing lies beyond its end.
template <typename T>
std::vector<T> unwritten(size_t count) {
    return std::vector<T>(count, from_float<T>(std::numeric_limits<float>::quiet_NaN()));
}

class Random {
public:
    explicit Random(unsigned seed) : engine(seed) {}

    // Normally distributed, rounded to T.
    template <typename T>
    T normal(double deviation) {
        return from_float<T>(float(deviation * distribution(engine)));
    }

private:
    std::mt19937 engine;
    std::normal_distribution<double> distribution;
};

struct Case {
    std::string kernel;  // the entry point
    std::string shape;
    bool small;
    // Largest error as a part of what is allowed: up to 1 is right.
    std::function<double()> run;
};

// Folds one result into the largest error so far; NaN is infinitely wrong.
inline void compare(double& largest, double got, double want, double allowed) {
    const double error = std::fabs(got - want) / allowed;
    largest = std::max(largest, std::isfinite(error) ? error : HUGE_VAL);
}

struct Outcome {
    int cases = 0;
    double largest = 0;
};

inline bool run_cases(const std::vector<Case>& cases, bool small) {
    std::map<std::string, Outcome> outcomes;
    bool right = true;
    for (const Case& one : cases) {
        if (small && !one.small) continue;
        const double error = one.run();
        Outcome& outcome = outcomes[one.kernel];
        outcome.cases += 1;
        outcome.largest = std::max(outcome.largest, error);
        if (error <= 1) continue;
        right = false;
        std::printf("wrong: %s %s: %.3g of the allowed error\n", one.kernel.c_str(),
                    one.shape.c_str(), error);
    }
    for (const auto& [kernel, outcome] : outcomes)
        std::printf("kernel %s cases %d largest %.3f\n", kernel.c_str(), outcome.cases,
                    outcome.largest);
    return right;
}

inline void print_barriers() {
    for (size_t number = 0; number < host::met_barriers.size(); ++number)
        if (host::met_barriers[number]) std::printf("barrier %zu\n", number);
}

inline int run(int count, char** words, const std::vector<Case>& cases) {
    bool small = false, barriers = false;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        small |= word == "--small";
        barriers |= word == "--barriers";
        if (word == "--without" && i + 1 < count) host::removed_barrier = std::atoi(words[++i]);
    }
    const bool right = run_cases(cases, small);
    if (barriers) print_barriers();
    return right ? 0 : 1;
}

}  // namespace check
