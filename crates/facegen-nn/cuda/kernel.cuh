// What every kernel of this directory includes.
//
// nvcc compiles the kernels for the GPU. A plain C++20 compiler compiles the
// same files for the host, where `host/device.hpp` gives blocks, threads,
// shared memory, barriers and tensor core instructions their meaning: so the
// kernels are tested on machines that have no GPU.
//
// Rules for kernels, so that both readings are the same:
// - `template <typename T> __device__` bodies, T being `__half` or
//   `__nv_bfloat16`; entry points are `extern "C" __global__` functions named
//   `<kernel>_f16` and `<kernel>_bf16`.
// - dynamic shared memory comes from `dynamic_shared<U>()`, static shared
//   memory from `__shared__ U name[N];` inside a function.
// - no thread returns before a barrier that others wait at.
// - warp operations take the full mask: whole warps reach them together, and
//   the threads of a block are a multiple of 32.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include "host/device.hpp"
#endif

constexpr unsigned FULL_WARP = 0xffffffffu;
constexpr int WARP_THREADS = 32;

// ---------------------------------------------------------------------------
// Elements: f16 and bf16 in memory, f32 in registers.

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rounds to the nearest value of T, ties to even.
template <typename T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) { return value; }
template <>
__device__ __forceinline__ __half from_float<__half>(float value) { return __float2half_rn(value); }
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
    return __float2bfloat16_rn(value);
}

// Rounds two values into one register; `low` lies first in memory.
template <typename T>
__device__ __forceinline__ uint32_t pack2(float low, float high) {
    union {
        T values[2];
        uint32_t bits;
    } packed = {{from_float<T>(low), from_float<T>(high)}};
    return packed.bits;
}
#if defined(__CUDACC__)
template <>
__device__ __forceinline__ uint32_t pack2<__half>(float low, float high) {
    uint32_t bits;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}
template <>
__device__ __forceinline__ uint32_t pack2<__nv_bfloat16>(float low, float high) {
    uint32_t bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}
#endif

// Eight elements, moved by one instruction; the address is a multiple of 16.
template <typename T>
struct alignas(16) Vector8 {
    T values[8];
};

template <typename T>
__device__ __forceinline__ Vector8<T> load8(const T* address) {
    return *reinterpret_cast<const Vector8<T>*>(address);
}

template <typename T>
__device__ __forceinline__ void store8(T* address, const Vector8<T>& vector) {
    *reinterpret_cast<Vector8<T>*>(address) = vector;
}

template <typename T>
__device__ __forceinline__ void load8_floats(const T* address, float (&floats)[8]) {
    const Vector8<T> vector = load8(address);
#pragma unroll
    for (int i = 0; i < 8; ++i) floats[i] = to_float(vector.values[i]);
}

template <typename T>
__device__ __forceinline__ void store8_floats(T* address, const float (&floats)[8]) {
    Vector8<T> vector;
#pragma unroll
    for (int i = 0; i < 8; ++i) vector.values[i] = from_float<T>(floats[i]);
    store8(address, vector);
}

// ---------------------------------------------------------------------------
// Warps.

// Sum over the warp, in every lane.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(FULL_WARP, value, lanes);
    return value;
}

// Largest value of the warp, in every lane.
__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2)
        value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, lanes));
    return value;
}

// ---------------------------------------------------------------------------
// Instructions that C++ has no name for. The host's versions have the same
// names and are in host/.
//
//   U* dynamic_shared<U>()            the block's dynamic shared memory, 128-aligned
//   float exp2_fast(float)            2^x, error 2 ulp, subnormals flushed
//   float reciprocal_fast(float)      1/x, error 1 ulp
//   copy_async16(shared, global, present)
//                                     cp.async of 16 bytes; zeros if not present
//   copy_async_commit()               closes a group of copies
//   copy_async_wait<N>()              waits until at most N groups are pending
//   ldmatrix_x4(r, row), ldmatrix_x4_trans(r, row), ldmatrix_x2..., ldmatrix_x2_trans
//                                     lane 8i + j gives the address of row j of matrix i
//   mma_m16n8k16<T>(sums, a, b), mma_m16n8k8<T>(sums, a, b)
//                                     sums += a * b

#if defined(__CUDACC__)

template <typename U>
__device__ __forceinline__ U* dynamic_shared() {
    extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
    return reinterpret_cast<U*>(dynamic_shared_memory);
}

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ float reciprocal_fast(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void copy_async16(void* shared, const void* global, bool present) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(global), "r"(present ? 16 : 0)
                 : "memory");
}

__device__ __forceinline__ void copy_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x2(uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

template <typename T>
__device__ __forceinline__ void mma_m16n8k16(float (&sums)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2]);
template <>
__device__ __forceinline__ void mma_m16n8k16<__half>(float (&sums)[4], const uint32_t (&a)[4],
                                                     const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
__device__ __forceinline__ void mma_m16n8k16<__nv_bfloat16>(float (&sums)[4],
                                                            const uint32_t (&a)[4],
                                                            const uint32_t (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <typename T>
__device__ __forceinline__ void mma_m16n8k8(float (&sums)[4], const uint32_t (&a)[2], uint32_t b);
template <>
__device__ __forceinline__ void mma_m16n8k8<__half>(float (&sums)[4], const uint32_t (&a)[2],
                                                    uint32_t b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
        "{%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(b));
}
template <>
__device__ __forceinline__ void mma_m16n8k8<__nv_bfloat16>(float (&sums)[4],
                                                           const uint32_t (&a)[2], uint32_t b) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
        "{%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(b));
}

#endif
