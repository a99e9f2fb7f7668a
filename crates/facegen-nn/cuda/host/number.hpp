// `__half` and `__nv_bfloat16` on the host, with CUDA's names.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

struct __half {
    uint16_t bits;
};

struct __nv_bfloat16 {
    uint16_t bits;
};

namespace host {

inline float widen_half(uint16_t bits) {
    const uint32_t sign = uint32_t(bits & 0x8000u) << 16;
    const uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
    if (exponent == 0) {
        const float subnormal = std::ldexp(float(fraction), -24);
        return sign ? -subnormal : subnormal;
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// All 65,536 values: a table, because the tests convert by the million.
inline const std::vector<float>& halves() {
    static const std::vector<float> table = [] {
        std::vector<float> values(65536);
        for (uint32_t bits = 0; bits < 65536; ++bits) values[bits] = widen_half(uint16_t(bits));
        return values;
    }();
    return table;
}

// Shifts out `shift` bits, to nearest, ties to even.
inline uint32_t round_shift(uint32_t value, int shift) {
    if (shift > 31) return 0;
    const uint32_t rest = value & ((1u << shift) - 1), half = 1u << (shift - 1);
    const uint32_t kept = value >> shift;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

inline uint16_t narrow_half(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = uint16_t((bits >> 16) & 0x8000u);
    const int exponent = int((bits >> 23) & 255) - 127;
    if (exponent == 128) return sign | ((bits & 0x7fffffu) ? 0x7fffu : 0x7c00u);
    if (exponent < -25) return sign;
    const uint32_t significand = (bits & 0x7fffffu) | 0x800000u;
    if (exponent < -14) return sign | uint16_t(round_shift(significand, -1 - exponent));
    const uint32_t rounded = (uint32_t(exponent + 14) << 10) + round_shift(significand, 13);
    return sign | uint16_t(rounded < 0x7c00u ? rounded : 0x7c00u);
}

inline uint16_t narrow_bfloat16(float value) {
    if (std::isnan(value)) return 0x7fffu;
    return uint16_t(round_shift(std::bit_cast<uint32_t>(value), 16));
}

}  // namespace host

inline float __half2float(__half value) { return host::halves()[value.bits]; }
inline __half __float2half_rn(float value) { return {host::narrow_half(value)}; }
inline __half __float2half(float value) { return __float2half_rn(value); }
inline float __bfloat162float(__nv_bfloat16 value) {
    return std::bit_cast<float>(uint32_t(value.bits) << 16);
}
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return {host::narrow_bfloat16(value)}; }
inline __nv_bfloat16 __float2bfloat16(float value) { return __float2bfloat16_rn(value); }
