// Scaled dot-product attention by tiles: the scores never leave registers.
//
//   attention_<type>_<D>         output = softmax(q kᵀ · scale) v
//   cross_attention_<type>_<D>   output = softmax(q kᵀ · scale) v
//                                       + image_scale · softmax(q k'ᵀ · scale) v'
//
// <type> is f16 or bf16; <D> is 40, 64, 80 or 160: the least that is not below
// the head dimension, which is a multiple of 8. Sums and softmax are f32.
//
// Grid and block of both: (ceil(queries / QUERIES), heads, batch) blocks of
// THREADS threads with SHARED_BYTES of dynamic shared memory. The table
// `instances` at the end of the file has these numbers.
//
// Parameters of `attention`:
//   query, key, value   pointers; element (batch b, token t, head h, i) is at
//                       b * batch_stride + t * row_stride + h * head_dim + i.
//                       Views into one (batch, tokens, 3 * heads * head_dim)
//                       tensor differ by their pointers only
//   output              (batch, queries, heads * head_dim), contiguous
//   query_batch_stride, key_batch_stride
//                       i64; of query; of key and value
//   query_row_stride, key_row_stride
//                       i32; likewise
//   queries, keys       i32, numbers of tokens, at least 1
//   head_dim            i32
//   scale               f32, 1 / √head_dim, above 0
//   causal              i32; if not 0, query i sees the keys 0 to i
// Parameters of `cross_attention`: query, rows, output, query_batch_stride,
//   query_row_stride, queries, head_dim, scale: as above; `rows` is a table in
//   device memory of one `AttentionRow` for each batch row.
// All pointers are multiples of 16 bytes, all strides multiples of 8 elements.
//
// Sources:
// - Dao, FlashAttention-2 (2023), algorithm 1: queries stay with their warp,
//   keys and values stream by, the result is divided by the sum at the end.
// - Shah et al., FlashAttention-3 (2024), and the rescaling of FlashAttention-4:
//   the result is scaled down only when a maximum grew by more than a factor
//   of 2^8; the final division makes up for it exactly.
// - PTX ISA, "Matrix fragments for mma.m16n8k16 / m16n8k8", "ldmatrix",
//   "cp.async": the sums of q kᵀ have the layout that the left operand of the
//   product with v must have, so probabilities need no shared memory.
#include "attention/block.cuh"
#include "kernel.cuh"

// Keys and values of one batch row of a cross-attention.
template <typename T>
struct AttentionRow {
    const T* key;  // (tokens, heads * head_dim), `stride` from token to token
    const T* value;
    const T* image_key;  // null if there are no image tokens
    const T* image_value;
    int stride;        // of key and value, in elements
    int image_stride;  // of image_key and image_value, in elements
    int tokens;        // none: the result is 0
    int image_tokens;  // 0 to 64
    float image_scale;
    int unused;
};
static_assert(sizeof(AttentionRow<__half>) == 56, "the host mirrors this layout");

template <typename T>
__device__ __forceinline__ Task<T> task_of_block(const T* query, T* output,
                                                 long long query_batch_stride, int query_row_stride,
                                                 int queries, int head_dim, float scale) {
    const int head = blockIdx.y, width = gridDim.y * head_dim;
    const long long batch = blockIdx.z;
    return {query + batch * query_batch_stride + head * head_dim,
            output + batch * queries * width + head * head_dim,
            query_row_stride,
            width,
            queries,
            head_dim,
            scale * LOG2_E,
            false};
}

template <typename T, typename I>
__device__ __forceinline__ void attention(const T* query, const T* key, const T* value, T* output,
                                          long long query_batch_stride, long long key_batch_stride,
                                          int query_row_stride, int key_row_stride, int queries,
                                          int keys, int head_dim, float scale, int causal) {
    Task<T> task = task_of_block(query, output, query_batch_stride, query_row_stride, queries,
                                 head_dim, scale);
    task.causal = causal != 0;
    const long long offset = blockIdx.z * key_batch_stride + blockIdx.y * head_dim;
    const KeyValue<T> tokens = {key + offset, value + offset, key_row_stride, keys};
    attend<T, I, false>(task, tokens, tokens, 0.0f);
}

template <typename T, typename I>
__device__ __forceinline__ void cross_attention(const T* query, const AttentionRow<T>* rows,
                                                T* output, long long query_batch_stride,
                                                int query_row_stride, int queries, int head_dim,
                                                float scale) {
    const Task<T> task = task_of_block(query, output, query_batch_stride, query_row_stride,
                                       queries, head_dim, scale);
    const AttentionRow<T> row = rows[blockIdx.z];
    const int offset = blockIdx.y * head_dim;
    const KeyValue<T> text = {row.key + offset, row.value + offset, row.stride, row.tokens};
    const KeyValue<T> image = {row.image_key + offset, row.image_value + offset,
                               row.image_stride, row.image_tokens};
    attend<T, I, true>(task, text, image, row.image_scale);
}

// ---------------------------------------------------------------------------
// Entry points.

#define ATTENTION_ENTRIES(type, T, D)                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS, Instance##D::BLOCKS)                     \
        attention_##type##_##D(const T* query, const T* key, const T* value, T* output,            \
                               long long query_batch_stride, long long key_batch_stride,           \
                               int query_row_stride, int key_row_stride, int queries, int keys,    \
                               int head_dim, float scale, int causal) {                            \
        attention<T, Instance##D>(query, key, value, output, query_batch_stride, key_batch_stride, \
                                  query_row_stride, key_row_stride, queries, keys, head_dim,       \
                                  scale, causal);                                                  \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS, Instance##D::CROSS_BLOCKS)               \
        cross_attention_##type##_##D(const T* query, const AttentionRow<T>* rows, T* output,       \
                                     long long query_batch_stride, int query_row_stride,           \
                                     int queries, int head_dim, float scale) {                     \
        cross_attention<T, Instance##D>(query, rows, output, query_batch_stride, query_row_stride, \
                                        queries, head_dim, scale);                                 \
    }

ATTENTION_ENTRIES(f16, __half, 40)
ATTENTION_ENTRIES(f16, __half, 64)
ATTENTION_ENTRIES(f16, __half, 80)
ATTENTION_ENTRIES(f16, __half, 160)
ATTENTION_ENTRIES(bf16, __nv_bfloat16, 40)
ATTENTION_ENTRIES(bf16, __nv_bfloat16, 64)
ATTENTION_ENTRIES(bf16, __nv_bfloat16, 80)
ATTENTION_ENTRIES(bf16, __nv_bfloat16, 160)

// What a launch needs. The caller has the same table.
template <typename I>
constexpr bool is(int queries, int shared_bytes) {
    return I::QUERIES == queries && I::SHARED_BYTES == shared_bytes;
}
static_assert(THREADS == 128);
//                            queries of a block, bytes of dynamic shared memory
static_assert(is<Instance40>(128, 10240));
static_assert(is<Instance64>(64, 36864));
static_assert(is<Instance80>(64, 45056));
static_assert(is<Instance160>(64, 43008));
