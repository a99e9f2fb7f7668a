// CUDA's language and instructions on the host: what `kernel.cuh` includes when
// nvcc is not the compiler.
//
// Barriers are numbered in the order of the source (`__syncthreads`,
// `__syncwarp`, `copy_async_wait`), and `host::removed_barrier` takes one away:
// a test proves that each is needed. `host::met_barriers` has those that ran.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <set>

#include "number.hpp"
#include "thread.hpp"
#include "warp.hpp"

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
#define __restrict__
// Blocks run one after the other, so that one copy is enough.
#define __shared__ static

#define threadIdx (::host::self->index)
#define blockIdx (::host::self->grid->position)
#define blockDim (::host::self->grid->block)
#define gridDim (::host::self->grid->size)

namespace host {

#if defined(REMOVED_BARRIER)
inline int removed_barrier = REMOVED_BARRIER;
#else
inline int removed_barrier = -1;
#endif
constexpr int BARRIERS_AT_MOST = 256;
inline std::array<std::atomic<bool>, BARRIERS_AT_MOST> met_barriers = {};

// Says whether the barrier at this place of the source is in force.
inline bool meets(int number) {
    met_barriers[size_t(number)].store(true, std::memory_order_relaxed);
    return number != removed_barrier;
}

struct BlockBarrier {
    int number;
    void operator()() const {
        if (meets(number)) self->grid->barrier.arrive();
    }
};

struct WarpBarrier {
    int number;
    void operator()(unsigned mask = 0xffffffffu) const {
        check_mask(mask);
        if (meets(number)) self->warp->memory.arrive();
    }
};

// Carries out the copies of all but the last `pending` groups. Not before:
// who forgets to wait finds NaN.
struct CopyWait {
    int number;
    template <int PENDING>
    void wait() const {
        if (!meets(number)) return;
        auto& groups = self->copies;
        while (groups.size() > PENDING + 1) {
            for (const Copy& copy : groups.front()) {
                if (copy.from) std::memcpy(copy.to, copy.from, 16);
                else std::memset(copy.to, 0, 16);
            }
            groups.erase(groups.begin());
        }
    }
};

enum : int { FIRST_BARRIER = __COUNTER__ + 1 };

}  // namespace host

#define __syncthreads (::host::BlockBarrier{__COUNTER__ - ::host::FIRST_BARRIER})
#define __syncwarp (::host::WarpBarrier{__COUNTER__ - ::host::FIRST_BARRIER})
#define copy_async_wait ::host::CopyWait{__COUNTER__ - ::host::FIRST_BARRIER}.wait

inline void copy_async16(void* shared, const void* global, bool present) {
    auto* to = static_cast<unsigned char*>(shared);
    host::check_address(to, 16);
    if (present && reinterpret_cast<uintptr_t>(global) % 16) host::fail("cp.async: global address");
    // The copy may arrive at any time from now on.
    std::memset(to, 0xff, 16);
    host::self->copies.back().push_back(
        {to, present ? static_cast<const unsigned char*>(global) : nullptr});
}

inline void copy_async_commit() { host::self->copies.emplace_back(); }

template <typename U>
U* dynamic_shared() {
    return reinterpret_cast<U*>(host::self->grid->shared);
}

inline float exp2_fast(float x) { return std::exp2(x); }
inline float reciprocal_fast(float x) { return 1.0f / x; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
using std::max;
using std::min;

template <typename U>
U __ldg(const U* address) {
    return *address;
}

template <typename U>
U atomicAdd(U* address, U value) {
    return std::atomic_ref<U>(*address).fetch_add(value, std::memory_order_relaxed);
}

// The thread sanitizer knows no fences; all go through one atomic instead.
inline std::atomic<int> host_fence = 0;
inline void __threadfence() { host_fence.fetch_add(1); }
