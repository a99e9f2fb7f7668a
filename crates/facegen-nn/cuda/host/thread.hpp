// Runs a grid on the host, block after block, each CUDA thread with a stack of
// its own.
//
// Under a sanitizer each CUDA thread is a thread of the operating system, so
// that the thread sanitizer reports races between them. Otherwise it is a
// fiber, which switches in nanoseconds: the comparisons run hundreds of shapes.
#pragma once

#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <ucontext.h>
#include <utility>
#include <vector>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HOST_SYSTEM_THREADS 1
#endif

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
    constexpr unsigned count() const { return x * y * z; }
};

namespace host {

[[noreturn]] inline void fail(const char* message) {
    std::fprintf(stderr, "device on the host: %s\n", message);
    std::_Exit(3);
}

void pause();
inline std::atomic<uint64_t> progress = 0;

// A barrier that is used again and again; the last thread to arrive runs
// `complete` before all go on.
class Barrier {
public:
    void expect(unsigned threads) { expected = threads; }

    template <typename Complete>
    void arrive(Complete complete) {
        const uint32_t seen = generation.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < expected) return wait(seen);
        complete();
        arrived.store(0, std::memory_order_relaxed);
        progress.fetch_add(1, std::memory_order_relaxed);
        generation.store(seen + 1, std::memory_order_release);
        generation.notify_all();
    }

    void arrive() {
        arrive([] {});
    }

private:
    void wait(uint32_t seen) {
        while (generation.load(std::memory_order_acquire) == seen) {
#if defined(HOST_SYSTEM_THREADS)
            generation.wait(seen, std::memory_order_acquire);
#else
            pause();
#endif
        }
    }

    unsigned expected = 0;
    std::atomic<uint32_t> arrived = 0;
    std::atomic<uint32_t> generation = 0;
};

// What the lanes of a warp hand to each other in one warp operation.
struct Exchange {
    alignas(16) unsigned char given[32][64];
    alignas(16) unsigned char taken[32][16];
};

struct Warp {
    Barrier memory;  // __syncwarp: orders memory
    Barrier values;  // shuffles, ldmatrix, mma: exchange registers only
    // One after the other: a lane may enter the next operation while another
    // still reads the result of this one.
    Exchange exchanges[2];
};

struct Copy {
    unsigned char* to;
    const unsigned char* from;
};

struct Grid;

// One CUDA thread.
struct Thread {
    uint3 index;
    unsigned lane;
    Warp* warp;
    Grid* grid;
    unsigned operations;  // warp operations so far
    std::vector<std::vector<Copy>> copies;  // groups of cp.async; the last is open
    jmp_buf context;
    bool done;
};

struct Grid {
    dim3 size, block;
    uint3 position = {};
    std::function<void()> kernel;
    std::vector<unsigned char> shared_storage;
    unsigned char* shared = nullptr;
    size_t shared_bytes = 0;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    Barrier barrier, end;
};

#if defined(HOST_SYSTEM_THREADS)
inline thread_local Thread* self = nullptr;
#else
inline Thread* self = nullptr;
#endif

// Makes the block at `position` ready; nothing that another block left in
// shared memory is to be read, so it is filled with NaN.
inline void enter_block(Grid& grid, uint3 position) {
    grid.position = position;
    std::memset(grid.shared, 0xff, grid.shared_bytes);
    for (Thread& thread : grid.threads) {
        thread.operations = 0;
        thread.copies.assign(1, {});
        thread.done = false;
    }
}

template <typename Run>
void for_each_block(const dim3& size, Run run) {
    for (unsigned z = 0; z < size.z; ++z)
        for (unsigned y = 0; y < size.y; ++y)
            for (unsigned x = 0; x < size.x; ++x) run(uint3{x, y, z});
}

#if defined(HOST_SYSTEM_THREADS)

inline void run_grid(Grid& grid) {
    std::vector<std::thread> threads;
    for (Thread& thread : grid.threads)
        threads.emplace_back([&grid, &thread] {
            self = &thread;
            for_each_block(grid.size, [&](uint3 position) {
                grid.end.arrive([&] { enter_block(grid, position); });
                grid.kernel();
            });
        });
    for (std::thread& thread : threads) thread.join();
}

#else

inline std::vector<std::unique_ptr<unsigned char[]>> stacks;
constexpr size_t STACK_BYTES = 128 * 1024;
inline jmp_buf scheduler;
inline ucontext_t creator;

inline void fiber_main() {
    Thread* thread = self;
    if (_setjmp(thread->context) == 0) setcontext(&creator);
    thread->grid->kernel();
    self->done = true;
    progress.fetch_add(1, std::memory_order_relaxed);
    _longjmp(scheduler, 1);
}

// Returns to the scheduler, which runs the other threads of the block first.
inline void pause() {
    if (_setjmp(self->context) == 0) _longjmp(scheduler, 1);
}

inline void create_fiber(Thread& thread, unsigned char* stack) {
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    self = &thread;
    swapcontext(&creator, &context);
}

inline void resume(Thread& thread) {
    self = &thread;
    if (_setjmp(scheduler) == 0) _longjmp(thread.context, 1);
}

inline void run_block(Grid& grid) {
    for (size_t i = 0; i < grid.threads.size(); ++i)
        create_fiber(grid.threads[i], stacks[i].get());
    for (bool running = true; running;) {
        running = false;
        const uint64_t before = progress.load(std::memory_order_relaxed);
        for (Thread& thread : grid.threads) {
            if (thread.done) continue;
            running = true;
            resume(thread);
        }
        if (running && before == progress.load(std::memory_order_relaxed))
            fail("deadlock: some threads wait where the others do not come");
    }
}

inline void run_grid(Grid& grid) {
    while (stacks.size() < grid.threads.size())
        stacks.push_back(std::make_unique_for_overwrite<unsigned char[]>(STACK_BYTES));
    for_each_block(grid.size, [&](uint3 position) {
        enter_block(grid, position);
        run_block(grid);
    });
}

#endif

// Runs `kernel` as `kernel<<<size, block, shared_bytes>>>` would.
inline void launch(dim3 size, dim3 block, size_t shared_bytes, std::function<void()> kernel) {
    constexpr size_t alignment = 128;
    const unsigned threads = block.count();
    if (threads == 0 || threads > 1024 || threads % 32 != 0) fail("a block is 32 to 1024 threads");
    Grid grid;
    grid.size = size;
    grid.block = block;
    grid.kernel = std::move(kernel);
    grid.shared_storage.resize(shared_bytes + alignment);
    const auto start = reinterpret_cast<uintptr_t>(grid.shared_storage.data());
    grid.shared = grid.shared_storage.data() + (alignment - start % alignment) % alignment;
    grid.shared_bytes = shared_bytes;
    grid.threads = std::vector<Thread>(threads);
    grid.warps = std::vector<Warp>(threads / 32);
    grid.barrier.expect(threads);
    grid.end.expect(threads);
    for (Warp& warp : grid.warps) {
        warp.memory.expect(32);
        warp.values.expect(32);
    }
    for (unsigned i = 0; i < threads; ++i) {
        Thread& thread = grid.threads[i];
        thread.index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
        thread.lane = i % 32;
        thread.warp = &grid.warps[i / 32];
        thread.grid = &grid;
    }
    run_grid(grid);
}

}  // namespace host
