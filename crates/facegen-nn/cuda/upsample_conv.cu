// A convolution of 3x3 pixels, padded by one, of an image enlarged twice by repeating its pixels:
// diffusers' `Upsample2D`. The enlarged image is never written.
//
// Row 2y + r of the result reads the rows y + r - 1 and y + r of the small image, one of them twice;
// so do columns. Each of the four phases (r, c) is therefore a convolution of 2x2 pixels whose
// weights are sums of the given ones: 16 products for a pixel and channel instead of 36.
//
//   upsample_conv_<type>
//
// <type> is f16 or bf16. Sums are f32, rounded once, after the bias.
//
// Grid: (ceil(outputs / CHANNELS), ceil(batch * rows * columns / PIXELS), 4); block: THREADS
// threads with SHARED_BYTES of dynamic shared memory.
//
// Parameters:
//   input     (batch, rows, columns, inputs)
//   weight    (phase row r, phase column c, outputs, tap row, tap column, inputs); 2 for each phase
//             and tap
//   bias      (outputs)
//   output    (batch, 2 * rows, 2 * columns, outputs)
//   pixels    i32, batch * rows * columns
//   rows, columns, inputs, outputs
//             i32; inputs and outputs are multiples of 8
// All pointers are multiples of 16 bytes.
//
// The product of (pixels, taps * inputs) and (taps * inputs, outputs) goes by tiles through STAGES
// stages of shared memory, as in CUTLASS's multistage kernels for sm_80.
#include "kernel.cuh"

constexpr int THREADS = 256;
constexpr int PIXELS = 128;    // of a block
constexpr int CHANNELS = 128;  // of the result, of a block
constexpr int DEPTH = 32;      // channels of the input, of a step
constexpr int STAGES = 3;
constexpr int TAPS = 4;

constexpr int TILE = PIXELS * DEPTH;
constexpr int STAGE = 2 * TILE;  // pixels, then weights
constexpr int SHARED_BYTES = 2 * STAGES * STAGE;
static_assert(PIXELS == CHANNELS && THREADS == 2 * PIXELS, "a thread copies two rows of each tile");
static_assert(SHARED_BYTES == 49152, "the caller has the same number; more must be asked for");

// A warp's part of the tile: 16 pixels by 8 channels for each mma.
constexpr int WARP_PIXELS = 64, WARP_CHANNELS = 32;
constexpr int ROW_TILES = WARP_PIXELS / 16, COLUMN_TILES = WARP_CHANNELS / 8;
constexpr int WARPS_ACROSS = CHANNELS / WARP_CHANNELS;
using Sums = float[ROW_TILES][COLUMN_TILES][4];

// From row to row of the result in shared memory: the rows of an mma tile in different banks.
constexpr int PITCH = CHANNELS + 8;
static_assert(2 * PIXELS * PITCH <= SHARED_BYTES, "the result is staged in shared memory");

template <typename T>
struct Convolution {
    const T* input;
    const T* weight;  // of this phase
    T* output;
    int pixels, rows, columns, inputs, outputs;
    int phase_row, phase_column;
};

// Where a row of a tile lies: eight rows of the same chunk of 8 channels are in different banks.
__device__ __forceinline__ int offset(int row, int chunk) {
    return row * DEPTH + 8 * (chunk ^ (row / 2 % 4));
}

// A pixel of the small image.
struct Place {
    int row, column;
    bool exists;
};

template <typename T>
__device__ __forceinline__ Place place(const Convolution<T>& task, int pixel) {
    return {pixel / task.columns % task.rows, pixel % task.columns, pixel < task.pixels};
}

// What one thread copies: a chunk of two pixels and of two channels of the result.
struct Copies {
    int row, chunk;
    int pixel, channel;  // of `row`
    Place places[2];
};

// Starts to copy the tiles of a step. What lies outside becomes 0: the padding, too.
template <typename T>
__device__ __forceinline__ void copy_step(const Convolution<T>& task, const Copies& copies,
                                          T* stage, int step, int steps_of_tap) {
    const int tap = step / steps_of_tap;
    const int input = step % steps_of_tap * DEPTH + 8 * copies.chunk;
    const int up = tap / 2 + task.phase_row - 1, right = tap % 2 + task.phase_column - 1;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int added = half * PIXELS / 2, row = copies.row + added;
        const Place& at = copies.places[half];
        const bool inside = at.row + up >= 0 && at.row + up < task.rows && at.column + right >= 0 &&
                            at.column + right < task.columns;
        const long long pixel = copies.pixel + added + up * task.columns + right;
        copy_async16(stage + offset(row, copies.chunk), task.input + pixel * task.inputs + input,
                     at.exists && inside && input < task.inputs);
        const long long channel = copies.channel + added;
        copy_async16(stage + TILE + offset(row, copies.chunk),
                     task.weight + (channel * TAPS + tap) * task.inputs + input,
                     channel < task.outputs && input < task.inputs);
    }
}

// sums += pixels * weights
template <typename T>
__device__ __forceinline__ void multiply(Sums& sums, const T* stage, int first_row,
                                         int first_column) {
    const int lane = threadIdx.x % WARP_THREADS;
#pragma unroll
    for (int chunk = 0; chunk < DEPTH / 8; chunk += 2) {
        uint32_t pixels[ROW_TILES][4], weights[COLUMN_TILES / 2][4];
#pragma unroll
        for (int tile = 0; tile < ROW_TILES; ++tile)
            ldmatrix_x4(pixels[tile],
                        stage + offset(first_row + 16 * tile + lane % 16, chunk + lane / 16));
#pragma unroll
        for (int pair = 0; pair < COLUMN_TILES / 2; ++pair)
            ldmatrix_x4(weights[pair],
                        stage + TILE + offset(first_column + 16 * pair + lane / 16 * 8 + lane % 8,
                                              chunk + lane / 8 % 2));
#pragma unroll
        for (int tile = 0; tile < ROW_TILES; ++tile)
#pragma unroll
            for (int pair = 0; pair < COLUMN_TILES / 2; ++pair) {
                const uint32_t(&weight)[4] = weights[pair];
                mma_m16n8k16<T>(sums[tile][2 * pair], pixels[tile], {weight[0], weight[1]});
                mma_m16n8k16<T>(sums[tile][2 * pair + 1], pixels[tile], {weight[2], weight[3]});
            }
    }
}

// Adds the bias and puts a warp's sums into the block's result.
template <typename T>
__device__ __forceinline__ void stage_result(const Sums& sums, const T* bias, T* shared,
                                             int first_row, int first_column, int channels) {
    const int lane = threadIdx.x % WARP_THREADS;
#pragma unroll
    for (int column = 0; column < COLUMN_TILES; ++column) {
        const int channel = first_column + 8 * column + 2 * (lane % 4);
        const bool exists = channel < channels;
        const float low = exists ? to_float(bias[channel]) : 0.0f;
        const float high = exists ? to_float(bias[channel + 1]) : 0.0f;
#pragma unroll
        for (int tile = 0; tile < ROW_TILES; ++tile)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int row = first_row + 16 * tile + 8 * half + lane / 4;
                const float(&values)[4] = sums[tile][column];
                *reinterpret_cast<uint32_t*>(shared + row * PITCH + channel) =
                    pack2<T>(values[2 * half] + low, values[2 * half + 1] + high);
            }
    }
}

// Writes the block's result, 16 bytes by each thread at once.
template <typename T>
__device__ __forceinline__ void store(const Convolution<T>& task, const T* shared, int first_pixel,
                                      int first_channel) {
    constexpr int CHUNKS = CHANNELS / 8;
#pragma unroll 2
    for (int i = threadIdx.x; i < PIXELS * CHUNKS; i += THREADS) {
        const int row = i / CHUNKS, column = 8 * (i % CHUNKS), pixel = first_pixel + row;
        const Place at = place(task, pixel);
        if (!at.exists || first_channel + column >= task.outputs) continue;
        const long long sample = pixel / task.columns / task.rows;
        const long long y = 2 * (sample * task.rows + at.row) + task.phase_row;
        const long long x = 2 * at.column + task.phase_column;
        store8(task.output + (y * 2 * task.columns + x) * task.outputs + first_channel + column,
               load8(shared + row * PITCH + column));
    }
}

template <typename T>
__device__ __forceinline__ void upsample_conv(Convolution<T> task, const T* bias) {
    T* shared = dynamic_shared<T>();
    task.phase_row = blockIdx.z / 2;
    task.phase_column = blockIdx.z % 2;
    task.weight += static_cast<long long>(blockIdx.z) * task.outputs * TAPS * task.inputs;
    const int first_pixel = blockIdx.y * PIXELS, first_channel = blockIdx.x * CHANNELS;
    const int row = threadIdx.x / (DEPTH / 8);
    const Copies copies = {row,
                           static_cast<int>(threadIdx.x % (DEPTH / 8)),
                           first_pixel + row,
                           first_channel + row,
                           {place(task, first_pixel + row),
                            place(task, first_pixel + row + PIXELS / 2)}};
    const int steps_of_tap = (task.inputs + DEPTH - 1) / DEPTH, steps = TAPS * steps_of_tap;
    const auto copy = [&](int step) {
        if (step < steps)
            copy_step(task, copies, shared + step % STAGES * STAGE, step, steps_of_tap);
        copy_async_commit();
    };
    const int warp = threadIdx.x / WARP_THREADS;
    const int warp_row = warp / WARPS_ACROSS * WARP_PIXELS;
    const int warp_column = warp % WARPS_ACROSS * WARP_CHANNELS;

    Sums sums = {};
    for (int step = 0; step < STAGES - 1; ++step) copy(step);
    for (int step = 0; step < steps; ++step) {
        copy_async_wait<STAGES - 2>();
        // The step is there for all, and no one reads the stage before it any more.
        __syncthreads();
        copy(step + STAGES - 1);
        multiply(sums, shared + step % STAGES * STAGE, warp_row, warp_column);
    }
    // No one reads the stages any more: the result takes their place.
    __syncthreads();
    stage_result(sums, bias + first_channel, shared, warp_row, warp_column,
                 task.outputs - first_channel);
    __syncthreads();
    store(task, shared, first_pixel, first_channel);
}

#define UPSAMPLE_CONV(type, T)                                                                    \
    extern "C" __global__ void __launch_bounds__(THREADS, 2)                                      \
        upsample_conv_##type(const T* input, const T* weight, const T* bias, T* output,           \
                             int pixels, int rows, int columns, int inputs, int outputs) {        \
        upsample_conv<T>({input, weight, output, pixels, rows, columns, inputs, outputs, 0, 0},   \
                         bias);                                                                   \
    }

UPSAMPLE_CONV(f16, __half)
UPSAMPLE_CONV(bf16, __nv_bfloat16)
