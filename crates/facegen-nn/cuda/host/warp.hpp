// Operations of a whole warp: shuffles, ldmatrix and mma, with the fragment
// layouts of the PTX ISA (9.7.15.5: m16n8k16, ldmatrix).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "number.hpp"
#include "thread.hpp"

#if defined(__SANITIZE_THREAD__)
extern "C" {
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
void AnnotateIgnoreSyncBegin(const char*, int);
void AnnotateIgnoreSyncEnd(const char*, int);
}
#endif

namespace host {

// Hides from the thread sanitizer how registers travel between lanes: on a GPU
// this orders no memory, so it must not excuse a race either.
class Unseen {
public:
#if defined(__SANITIZE_THREAD__)
    Unseen() {
        AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~Unseen() {
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
        AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    }
#else
    Unseen() {}
    ~Unseen() {}
#endif
};

inline void check_mask(unsigned mask) {
    if (mask != 0xffffffffu) fail("warp operations take the full mask");
}

// `address` is aligned and, if it lies in dynamic shared memory, within it.
inline void check_address(const unsigned char* address, size_t bytes) {
    if (reinterpret_cast<uintptr_t>(address) % bytes) fail("a shared address is not aligned");
    const Grid& grid = *self->grid;
    const unsigned char* end = grid.shared_storage.data() + grid.shared_storage.size();
    const bool inside = address >= grid.shared && address + bytes <= grid.shared + grid.shared_bytes;
    if (!inside && address >= grid.shared_storage.data() && address < end)
        fail("an address is beyond dynamic shared memory");
}

// Each lane gives a `Given`; the last to come computes what each lane takes.
template <typename Taken, typename Given, typename Compute>
Taken exchange(const Given& given, Compute compute) {
    static_assert(sizeof(Given) <= 64 && sizeof(Taken) <= 16);
    Unseen unseen;
    Warp& warp = *self->warp;
    const unsigned lane = self->lane;
    Exchange& slot = warp.exchanges[self->operations++ % 2];
    std::memcpy(slot.given[lane], &given, sizeof given);
    warp.values.arrive([&] {
        Given all[32];
        Taken results[32];
        for (int i = 0; i < 32; ++i) std::memcpy(&all[i], slot.given[i], sizeof(Given));
        compute(all, results);
        for (int i = 0; i < 32; ++i) std::memcpy(slot.taken[i], &results[i], sizeof(Taken));
    });
    Taken taken;
    std::memcpy(&taken, slot.taken[lane], sizeof taken);
    return taken;
}

template <typename Value>
struct Shuffled {
    Value value;
    int from;
};

// Each lane takes the value of the lane `from`; its own if there is none.
template <typename Value>
Value shuffle(unsigned mask, Value value, int from) {
    check_mask(mask);
    return exchange<Value>(Shuffled<Value>{value, from}, [](auto& all, auto& results) {
        for (int i = 0; i < 32; ++i) {
            const int source = all[i].from;
            results[i] = all[source >= 0 && source < 32 ? source : i].value;
        }
    });
}

struct Row {
    uint16_t values[8];
};

template <int MATRICES>
struct Registers {
    uint32_t r[MATRICES];
};

// Lane 8i + j gives row j of matrix i, and lane l takes of each matrix the
// values 2(l % 4) and the next of row l / 4; transposed: of column l / 4.
template <int MATRICES>
void ldmatrix(uint32_t (&r)[MATRICES], const void* address, bool transposed) {
    Row row = {};
    if (self->lane < 8 * MATRICES) {
        check_address(static_cast<const unsigned char*>(address), 16);
        std::memcpy(&row, address, 16);
    }
    const auto taken = exchange<Registers<MATRICES>>(row, [&](auto& rows, auto& results) {
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < MATRICES; ++i) {
                const int major = lane / 4, minor = 2 * (lane % 4);
                const Row* matrix = &rows[8 * i];
                const uint32_t low = transposed ? matrix[minor].values[major]
                                                : matrix[major].values[minor];
                const uint32_t high = transposed ? matrix[minor + 1].values[major]
                                                 : matrix[major].values[minor + 1];
                results[lane].r[i] = low | (high << 16);
            }
    });
    for (int i = 0; i < MATRICES; ++i) r[i] = taken.r[i];
}

// Of m16n8k16, or of m16n8k8 with the second half of `a` and of `b` zero: the
// layouts of the first halves are the same.
struct MmaOperands {
    float sums[4];
    uint32_t a[4];
    uint32_t b[2];
};

inline float widen(uint32_t bits, const __half*) { return halves()[bits & 0xffffu]; }
inline float widen(uint32_t bits, const __nv_bfloat16*) {
    return std::bit_cast<float>(bits << 16);
}

template <typename T>
void multiply(const MmaOperands (&all)[32], Registers<4> (&results)[32]) {
    const T* type = nullptr;
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; ++lane) {
        const int group = lane / 4, pair = 2 * (lane % 4);
        for (int i = 0; i < 8; ++i) {
            const uint32_t bits = all[lane].a[i / 2] >> (16 * (i % 2));
            a[group + 8 * (i / 2 % 2)][pair + i % 2 + 8 * (i / 4)] = widen(bits, type);
        }
        for (int i = 0; i < 4; ++i) {
            const uint32_t bits = all[lane].b[i / 2] >> (16 * (i % 2));
            b[pair + i % 2 + 8 * (i / 2)][group] = widen(bits, type);
        }
    }
    for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
            float sum = all[lane].sums[i];
            for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
            results[lane].r[i] = std::bit_cast<uint32_t>(sum);
        }
    }
}

template <typename T>
void mma(float (&sums)[4], MmaOperands operands) {
    std::memcpy(operands.sums, sums, sizeof sums);
    const auto taken = exchange<Registers<4>>(
        operands, [](auto& all, auto& results) { multiply<T>(all, results); });
    std::memcpy(sums, taken.r, sizeof sums);
}

}  // namespace host

template <typename Value>
Value __shfl_xor_sync(unsigned mask, Value value, int lanes) {
    return host::shuffle(mask, value, int(host::self->lane) ^ lanes);
}

template <typename Value>
Value __shfl_down_sync(unsigned mask, Value value, unsigned delta) {
    return host::shuffle(mask, value, int(host::self->lane + delta));
}

template <typename Value>
Value __shfl_up_sync(unsigned mask, Value value, unsigned delta) {
    return host::shuffle(mask, value, int(host::self->lane) - int(delta));
}

template <typename Value>
Value __shfl_sync(unsigned mask, Value value, int lane) {
    return host::shuffle(mask, value, lane % 32);
}

inline int __any_sync(unsigned mask, int predicate) {
    host::check_mask(mask);
    return host::exchange<int>(predicate, [](auto& all, auto& results) {
        const bool any = std::any_of(std::begin(all), std::end(all), [](int x) { return x != 0; });
        std::fill(std::begin(results), std::end(results), int(any));
    });
}

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row) { host::ldmatrix<4>(r, row, false); }
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
    host::ldmatrix<4>(r, row, true);
}
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row) { host::ldmatrix<2>(r, row, false); }
inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row) {
    host::ldmatrix<2>(r, row, true);
}

template <typename T>
void mma_m16n8k16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    host::mma<T>(sums, {{}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
}

template <typename T>
void mma_m16n8k8(float (&sums)[4], const uint32_t (&a)[2], uint32_t b) {
    host::mma<T>(sums, {{}, {a[0], a[1], 0, 0}, {b, 0}});
}
