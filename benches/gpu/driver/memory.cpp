#include "memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "record.hpp"

namespace driver {

namespace {

constexpr size_t DEFAULT_TOTAL = size_t(80) << 30;
// What is not touched takes no memory of the host.
constexpr size_t MAPPED = 1 << 20;
constexpr size_t ALIGNMENT = 256;

size_t rounded(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

void* reserve(size_t bytes, bool mapped) {
    if (!mapped) return std::aligned_alloc(ALIGNMENT, rounded(bytes));
    void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return address == MAP_FAILED ? nullptr : address;
}

}  // namespace

size_t Memory::total() const {
    const char* text = std::getenv("HOST_DRIVER_MEMORY");
    return text ? std::strtoull(text, nullptr, 10) : DEFAULT_TOTAL;
}

Address Memory::allocate(size_t bytes, Place place) {
    const bool mapped = bytes >= MAPPED;
    void* storage = used + bytes <= total() ? reserve(bytes, mapped) : nullptr;
    if (!storage) return 0;
    // NaN, so that what reads memory before it is written is seen.
    if (computes()) std::memset(storage, 0xff, bytes);
    const auto address = reinterpret_cast<Address>(storage);
    blocks[address] = {bytes, place, mapped};
    used += bytes;
    return address;
}

bool Memory::release(Address address, Place place) {
    const auto block = blocks.find(address);
    if (block == blocks.end()) return false;
    use(address, place);
    void* storage = reinterpret_cast<void*>(address);
    if (block->second.mapped) munmap(storage, block->second.bytes);
    else std::free(storage);
    used -= block->second.bytes;
    blocks.erase(block);
    return true;
}

Memory::Blocks::const_iterator Memory::find(Address address) const {
    auto block = blocks.upper_bound(address);
    if (block == blocks.begin()) return blocks.end();
    --block;
    return address < block->first + block->second.bytes ? block : blocks.end();
}

size_t Memory::available(Address address) const {
    const auto block = find(address);
    return block == blocks.end() ? 0 : block->first + block->second.bytes - address;
}

void Memory::use(Address address, Place place) {
    const auto found = find(address);
    if (found == blocks.end()) return;
    Block& block = blocks[found->first];
    if (block.last != place && pending.count(block.last))
        record.fault("memory is used on two streams, of which the second did not wait");
    block.last = place;
    pending.insert(place);
}

bool Memory::operands(const std::string& work, Place place, std::initializer_list<Operand> list,
                      size_t& bytes) {
    std::map<Address, size_t> distinct;
    for (const Operand& operand : list) {
        const auto address = reinterpret_cast<Address>(operand.address);
        if (address == 0) continue;
        const auto block = find(address);
        if (block == blocks.end() || available(address) < operand.bytes) {
            record.fault(work + " is given an address that has not the memory for it");
            return false;
        }
        use(address, place);
        distinct[block->first] = block->second.bytes;
    }
    for (const auto& [address, size] : distinct) bytes += size;
    return true;
}

Place place_of(const void* stream) {
    constexpr uintptr_t PER_THREAD = 2;
    if (reinterpret_cast<uintptr_t>(stream) != PER_THREAD) return reinterpret_cast<Place>(stream);
    const size_t thread = std::hash<std::thread::id>{}(std::this_thread::get_id());
    return thread | 1;
}

bool computes() {
    static const char* kernels = std::getenv("HOST_DRIVER_KERNELS");
    static const char* limit = std::getenv("HOST_DRIVER_COMPUTES");
    if (!kernels) return false;
    if (!limit) return true;
    return record.total("copy", "upload").bytes <= std::strtoull(limit, nullptr, 10);
}

}  // namespace driver
