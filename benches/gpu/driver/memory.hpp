// Device memory, which is memory of the host.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>

namespace driver {

using Address = uint64_t;

// A place of work on the device: a stream. The default stream of a thread is another for each.
using Place = uint64_t;

class Memory {
public:
    // Returns 0 where the device has no more.
    Address allocate(size_t bytes, Place place);
    bool release(Address address, Place place);

    // Returns the bytes from an address to the end of its allocation; 0 if there is none.
    size_t available(Address address) const;

    // Notes that work at a place uses what lies there. Work of another place that was not waited
    // for makes that a fault.
    void use(Address address, Place place);
    // Notes that the host waited for a place, or for all of them.
    void waited(Place place) { pending.erase(place); }
    void waited() { pending.clear(); }

    // Checks that each address leads to that many bytes and that work at `place` may use them, and
    // returns the bytes of all allocations that they lead to. Null is nothing.
    struct Operand {
        const void* address;
        size_t bytes;
    };
    bool operands(const std::string& work, Place place, std::initializer_list<Operand> list,
                  size_t& bytes);

    size_t total() const;
    size_t in_use() const { return used; }

private:
    struct Block {
        size_t bytes;
        Place last;
        bool mapped;
    };
    using Blocks = std::map<Address, Block>;
    Blocks::const_iterator find(Address address) const;

    Blocks blocks;
    std::set<Place> pending;
    size_t used = 0;
};

extern Memory memory;

// Returns the place of a stream of the calling thread.
Place place_of(const void* stream);

// Says whether what is launched is computed, too: if there are kernels for the host, until more
// than HOST_DRIVER_COMPUTES bytes were copied from the host. The rest would take hours.
bool computes();

}  // namespace driver
