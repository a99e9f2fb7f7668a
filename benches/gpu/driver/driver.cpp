// NVIDIA's driver on the host: it counts what a program has it do.
//
// Devices, streams and events do nothing, memory is the host's, and copies
// copy. A launch is checked, counted and, where there are kernels for the
// host, computed at once.
#include <dlfcn.h>

#include <cstring>
#include <set>
#include <vector>

#include "memory.hpp"
#include "record.hpp"

namespace driver {

Record record;
Memory memory;
std::recursive_mutex mutex;

namespace {

enum Result : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_CONTEXT = 201,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    NOT_SUPPORTED = 801,
};

constexpr unsigned SHARED_BY_DEFAULT = 48 << 10;
// Of compute capability 9.0.
constexpr unsigned SHARED_AT_MOST = 227 << 10;
constexpr unsigned THREADS_AT_MOST = 1024;
constexpr unsigned GRID_AT_MOST = 65535;  // of y and z

using HostKernel = void (*)(const unsigned*, const unsigned*, unsigned, void**);

struct Function {
    std::string name;
    std::vector<bool> is_pointer;  // of each parameter
    unsigned shared_at_most = SHARED_BY_DEFAULT;
    HostKernel kernel = nullptr;
};

using Module = std::map<std::string, Function>;

thread_local void* current = nullptr;
int context;

Result invalid(const std::string& what, Result result = INVALID_VALUE) {
    record.fault(what);
    return result;
}

// Finds a kernel in the libraries of the directory HOST_DRIVER_KERNELS, separated by colons.
HostKernel host_kernel(const std::string& name) {
    static const std::vector<void*> libraries = [] {
        std::vector<void*> opened;
        const char* text = std::getenv("HOST_DRIVER_KERNELS");
        std::string rest = text ? text : "";
        while (!rest.empty()) {
            const size_t end = rest.find(':');
            void* library = dlopen(rest.substr(0, end).c_str(), RTLD_NOW | RTLD_LOCAL);
            if (library) opened.push_back(library);
            else record.fault(dlerror());
            rest = end == std::string::npos ? "" : rest.substr(end + 1);
        }
        return opened;
    }();
    for (void* library : libraries)
        if (void* found = dlsym(library, ("host_" + name).c_str()))
            return reinterpret_cast<HostKernel>(found);
    return nullptr;
}

// Reads the entry points of PTX.
Module read_module(const std::string& ptx) {
    static const std::string ENTRY = ".entry ";
    Module module;
    for (size_t at = ptx.find(ENTRY); at != std::string::npos; at = ptx.find(ENTRY, at)) {
        at += ENTRY.size();
        const size_t open = ptx.find('(', at), close = ptx.find(')', open);
        Function function;
        function.name = ptx.substr(at, open - at);
        function.kernel = host_kernel(function.name);
        const std::string parameters = ptx.substr(open, close - open);
        for (size_t p = parameters.find(".param "); p != std::string::npos;) {
            const size_t next = parameters.find(".param ", p + 1);
            const std::string parameter = parameters.substr(p, next - p);
            function.is_pointer.push_back(parameter.find(".ptr ") != std::string::npos);
            p = next;
        }
        module[function.name] = function;
    }
    return module;
}

Result check_launch(const Function& function, const unsigned* grid, const unsigned* block,
                    unsigned shared) {
    const uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
    if (current == nullptr) return invalid(function.name + ": no context", INVALID_CONTEXT);
    if (threads == 0 || threads > THREADS_AT_MOST) return invalid(function.name + ": block");
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) return invalid(function.name + ": no block");
    if (grid[0] > INT32_MAX || grid[1] > GRID_AT_MOST || grid[2] > GRID_AT_MOST)
        return invalid(function.name + ": grid");
    if (shared > function.shared_at_most) return invalid(function.name + ": shared memory");
    return SUCCESS;
}

// Adds the bytes of all allocations that the arguments lead to.
Result check_arguments(const Function& function, Place place, void** arguments, size_t& bytes) {
    std::set<Address> seen;
    for (size_t i = 0; i < function.is_pointer.size(); ++i) {
        if (!function.is_pointer[i]) continue;
        const void* address;
        std::memcpy(&address, arguments[i], sizeof address);
        size_t block = 0;
        if (!memory.operands(function.name, place, {{address, 1}}, block)) return ILLEGAL_ADDRESS;
        const auto start = reinterpret_cast<Address>(address);
        // The end of an allocation tells it from others.
        if (address && seen.insert(start + memory.available(start)).second) bytes += block;
    }
    return SUCCESS;
}

Result copy(const char* name, void* to, const void* from, size_t bytes, const void* on_device[2],
            const void* stream) {
    Lock lock(mutex);
    if (current == nullptr) return invalid(std::string(name) + ": no context", INVALID_CONTEXT);
    size_t ignored = 0;
    const size_t least[2] = {on_device[0] ? bytes : 0, on_device[1] ? bytes : 0};
    if (!memory.operands(name, place_of(stream),
                         {{on_device[0], least[0]}, {on_device[1], least[1]}}, ignored))
        return ILLEGAL_ADDRESS;
    if (bytes) std::memmove(to, from, bytes);
    record.count("copy", name, bytes);
    return SUCCESS;
}

void* pointer(Address address) { return reinterpret_cast<void*>(address); }

Result upload(Address to, const void* from, size_t bytes, const void* stream) {
    const void* on_device[2] = {pointer(to), nullptr};
    return copy("upload", pointer(to), from, bytes, on_device, stream);
}

Result download(void* to, Address from, size_t bytes, const void* stream) {
    const void* on_device[2] = {pointer(from), nullptr};
    return copy("download", to, pointer(from), bytes, on_device, stream);
}

Result set(Address to, unsigned char value, size_t bytes, const void* stream) {
    Lock lock(mutex);
    size_t ignored = 0;
    if (!memory.operands("memset", place_of(stream), {{pointer(to), bytes}}, ignored))
        return ILLEGAL_ADDRESS;
    // New memory of the host is zero until it is computed with.
    if (bytes && (computes() || value != 0)) std::memset(pointer(to), value, bytes);
    record.count("copy", "memset", bytes);
    return SUCCESS;
}

Result allocate(Address* address, size_t bytes, const void* stream) {
    Lock lock(mutex);
    if (current == nullptr) return invalid("an allocation: no context", INVALID_CONTEXT);
    if (bytes == 0) return invalid("an allocation of nothing");
    *address = memory.allocate(bytes, place_of(stream));
    if (*address == 0) return OUT_OF_MEMORY;
    record.created("memory", bytes);
    return SUCCESS;
}

Result release(Address address, const void* stream) {
    Lock lock(mutex);
    const size_t bytes = memory.available(address);
    if (!memory.release(address, place_of(stream)))
        return invalid("memory is freed that is none, or not any more");
    record.destroyed("memory", bytes);
    return SUCCESS;
}

// A handle that has no meaning.
struct Handle {
    const char* kind;
};

Result create(Handle** handle, const char* kind) {
    Lock lock(mutex);
    *handle = new Handle{kind};
    record.created(kind);
    return SUCCESS;
}

Result destroy(Handle* handle) {
    Lock lock(mutex);
    record.destroyed(handle->kind);
    delete handle;
    return SUCCESS;
}

}  // namespace
}  // namespace driver

using namespace driver;

extern "C" {

// What the bindings declare and nothing here defines.
int host_driver_missing(const char* name) {
    Lock lock(mutex);
    record.fault(std::string(name) + " is not there");
    return NOT_SUPPORTED;
}

int cuInit(unsigned) { return SUCCESS; }

int cuDriverGetVersion(int* version) {
    *version = 13000;
    return SUCCESS;
}

int cuGetErrorName(int error, const char** text) {
    static const std::map<int, const char*> names = {
        {SUCCESS, "CUDA_SUCCESS"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
        {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
        {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
    };
    const auto name = names.find(error);
    *text = name == names.end() ? "an unknown error" : name->second;
    return SUCCESS;
}

int cuGetErrorString(int error, const char** text) { return cuGetErrorName(error, text); }

// ---------------------------------------------------------------------------
// Devices and contexts

int cuDeviceGetCount(int* count) {
    *count = 1;
    return SUCCESS;
}

int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? SUCCESS : INVALID_DEVICE;
}

int cuDeviceGetName(char* name, int size, int) {
    std::snprintf(name, size_t(size), "driver on the host");
    return SUCCESS;
}

int cuDeviceGetUuid_v2(void* uuid, int) {
    std::memset(uuid, 1, 16);
    return SUCCESS;
}

int cuDeviceTotalMem_v2(size_t* bytes, int) {
    *bytes = memory.total();
    return SUCCESS;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
    static const std::map<int, int> values = {
        {1, THREADS_AT_MOST},  // threads of a block
        {10, 32},              // threads of a warp
        {16, 132},             // multiprocessors
        {75, 9},               // compute capability, major
        {76, 0},               // and minor
        {97, SHARED_AT_MOST},
        {115, 1},  // memory pools
    };
    const auto found = values.find(attribute);
    Lock lock(mutex);
    if (found == values.end())
        return invalid("device attribute " + std::to_string(attribute) + " is not there");
    *value = found->second;
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void** result, int) {
    Lock lock(mutex);
    record.created("context");
    *result = &context;
    return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int) {
    Lock lock(mutex);
    record.destroyed("context");
    return SUCCESS;
}

int cuCtxSetCurrent(void* context) {
    current = context;
    return SUCCESS;
}

int cuCtxGetCurrent(void** context) {
    *context = current;
    return SUCCESS;
}

int cuCtxSynchronize() {
    Lock lock(mutex);
    record.count("synchronisation", "context");
    memory.waited();
    return SUCCESS;
}

int cuProfilerStart() {
    Lock lock(mutex);
    record.start_profiler();
    return SUCCESS;
}

int cuProfilerStop() {
    Lock lock(mutex);
    record.stop_profiler();
    return SUCCESS;
}

// ---------------------------------------------------------------------------
// Streams and events

int cuStreamCreate(Handle** stream, unsigned) { return create(stream, "stream"); }
int cuStreamDestroy_v2(Handle* stream) { return destroy(stream); }

int cuStreamSynchronize(void* stream) {
    Lock lock(mutex);
    record.count("synchronisation", "stream");
    memory.waited(place_of(stream));
    return SUCCESS;
}

int cuStreamIsCapturing(void*, int* status) {
    *status = 0;
    return SUCCESS;
}

int cuStreamWaitEvent(void*, Handle*, unsigned) {
    Lock lock(mutex);
    record.count("event", "wait");
    return SUCCESS;
}

int cuEventCreate(Handle** event, unsigned) { return create(event, "event"); }
int cuEventDestroy_v2(Handle* event) { return destroy(event); }

int cuEventRecord(Handle*, void*) {
    Lock lock(mutex);
    record.count("event", "record");
    return SUCCESS;
}

int cuEventSynchronize(Handle*) {
    Lock lock(mutex);
    record.count("synchronisation", "event");
    return SUCCESS;
}

// ---------------------------------------------------------------------------
// Memory

int cuMemAlloc_v2(Address* address, size_t bytes) { return allocate(address, bytes, nullptr); }
int cuMemAllocAsync(Address* address, size_t bytes, void* stream) {
    return allocate(address, bytes, stream);
}
int cuMemFree_v2(Address address) { return release(address, nullptr); }
int cuMemFreeAsync(Address address, void* stream) { return release(address, stream); }

int cuMemHostAlloc(void** address, size_t bytes, unsigned) {
    Lock lock(mutex);
    *address = std::malloc(bytes);
    record.created("pinned memory");
    return SUCCESS;
}

int cuMemFreeHost(void* address) {
    Lock lock(mutex);
    std::free(address);
    record.destroyed("pinned memory");
    return SUCCESS;
}

int cuMemGetInfo_v2(size_t* free, size_t* total) {
    Lock lock(mutex);
    *total = memory.total();
    *free = *total - memory.in_use();
    return SUCCESS;
}

int cuMemcpyHtoD_v2(Address to, const void* from, size_t bytes) {
    return upload(to, from, bytes, nullptr);
}
int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, void* stream) {
    return upload(to, from, bytes, stream);
}
int cuMemcpyDtoH_v2(void* to, Address from, size_t bytes) {
    return download(to, from, bytes, nullptr);
}
int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, void* stream) {
    return download(to, from, bytes, stream);
}

int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, void* stream) {
    const void* on_device[2] = {pointer(to), pointer(from)};
    return copy("on the device", pointer(to), pointer(from), bytes, on_device, stream);
}
int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
    return cuMemcpyDtoDAsync_v2(to, from, bytes, nullptr);
}

int cuMemsetD8_v2(Address to, unsigned char value, size_t bytes) {
    return set(to, value, bytes, nullptr);
}
int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, void* stream) {
    return set(to, value, bytes, stream);
}

int cuDeviceGetDefaultMemPool(void** pool, int) {
    *pool = &context;
    return SUCCESS;
}

int cuMemPoolSetAttribute(void*, int, void*) { return SUCCESS; }

// ---------------------------------------------------------------------------
// Kernels

int cuModuleLoadData(Module** module, const void* image) {
    Lock lock(mutex);
    *module = new Module(read_module(static_cast<const char*>(image)));
    record.created("module");
    return (*module)->empty() ? invalid("a module without kernels") : SUCCESS;
}

int cuModuleUnload(Module* module) {
    Lock lock(mutex);
    delete module;
    record.destroyed("module");
    return SUCCESS;
}

int cuModuleGetFunction(Function** function, Module* module, const char* name) {
    Lock lock(mutex);
    const auto found = module->find(name);
    if (found == module->end()) return invalid(std::string(name) + " is in no module", NOT_FOUND);
    *function = &found->second;
    return SUCCESS;
}

int cuFuncSetAttribute(Function* function, int attribute, int value) {
    constexpr int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;
    Lock lock(mutex);
    if (attribute != MAX_DYNAMIC_SHARED_SIZE_BYTES || unsigned(value) > SHARED_AT_MOST)
        return invalid(function->name + ": attribute " + std::to_string(attribute));
    function->shared_at_most = unsigned(value);
    return SUCCESS;
}

int cuLaunchKernel(Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   void* stream, void** arguments, void**) {
    Lock lock(mutex);
    const unsigned grid[3] = {grid_x, grid_y, grid_z}, block[3] = {block_x, block_y, block_z};
    size_t bytes = 0;
    Result result = check_launch(*function, grid, block, shared);
    if (result == SUCCESS)
        result = check_arguments(*function, place_of(stream), arguments, bytes);
    if (result != SUCCESS) return result;
    record.count("launch", function->name, bytes);
    if (!computes()) return SUCCESS;
    if (function->kernel) function->kernel(grid, block, shared, arguments);
    else record.fault(function->name + " is not computed");
    return SUCCESS;
}

}  // extern "C"
