// Kernels that are compiled for the host, found by the driver under `host_` and their name.
#pragma once

#include <cstddef>
#include <utility>

#include "device.hpp"

namespace host {

// Calls a kernel with arguments that are read as a GPU reads them: each as long as its type.
template <typename... Arguments, size_t... NUMBERS>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<NUMBERS...>) {
    kernel(*static_cast<Arguments*>(arguments[NUMBERS])...);
}

template <typename... Arguments>
void call(void (*kernel)(Arguments...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<Arguments...>{});
}

}  // namespace host

#define HOST_KERNEL(NAME)                                                                      \
    extern "C" __attribute__((visibility("default"))) void host_##NAME(                        \
        const unsigned* grid, const unsigned* block, unsigned shared, void** arguments) {      \
        host::launch(dim3(grid[0], grid[1], grid[2]), dim3(block[0], block[1], block[2]),      \
                     shared, [=] { host::call(NAME, arguments); });                            \
    }

// A function that does the work of all threads.
#define HOST_FUNCTION(NAME, FUNCTION)                                                          \
    extern "C" __attribute__((visibility("default"))) void host_##NAME(                        \
        const unsigned*, const unsigned*, unsigned, void** arguments) {                        \
        host::call(FUNCTION, arguments);                                                       \
    }
