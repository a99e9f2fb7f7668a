// What a program has the driver do: calls and bytes by kind and name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace driver {

struct Count {
    uint64_t calls = 0, bytes = 0;
};

using Counts = std::map<std::string, std::map<std::string, Count>>;

// Everything since the program started, and since it started the profiler.
class Record {
public:
    // Counts one call.
    void count(const std::string& kind, const std::string& name, size_t bytes = 0) {
        for (Counts* counts : {&all, &profiled}) {
            Count& entry = (*counts)[kind][name];
            entry.calls += 1;
            entry.bytes += bytes;
        }
    }

    // Counts something that a GPU would refuse or do wrongly.
    void fault(const std::string& what) {
        count("fault", what);
        if (faults++ < 20) std::fprintf(stderr, "driver on the host: %s\n", what.c_str());
    }

    void created(const std::string& kind, size_t bytes = 0) {
        count("created", kind, bytes);
        live[kind].calls += 1;
        live[kind].bytes += bytes;
    }

    void destroyed(const std::string& kind, size_t bytes = 0) {
        count("destroyed", kind, bytes);
        live[kind].calls -= 1;
        live[kind].bytes -= bytes;
    }

    // Returns what was counted by one name since the program started.
    const Count& total(const std::string& kind, const std::string& name) { return all[kind][name]; }

    void start_profiler() {
        profiled.clear();
        live_before = live;
    }

    void stop_profiler() { report("profiled", profiled, live_before); }

    ~Record() { report("all", all, {}); }

private:
    using Live = std::map<std::string, Count>;

    // Appends a line of JSON to the file that the environment names.
    void report(const char* what, const Counts& counts, const Live& before) {
        const char* path = std::getenv("HOST_DRIVER_REPORT");
        std::FILE* file = path ? std::fopen(path, "a") : nullptr;
        if (!file) return;
        std::string line = std::string("{\"what\":\"") + what + "\",\"counts\":{";
        const char* comma = "";
        for (const auto& [kind, names] : counts) {
            line += comma + quoted(kind) + ":" + object(names);
            comma = ",";
        }
        line += "},\"before\":" + object(before) + ",\"live\":" + object(live) + "}\n";
        std::fputs(line.c_str(), file);
        std::fclose(file);
    }

    static std::string object(const Live& counts) {
        std::string text = "{";
        for (const auto& [name, count] : counts)
            text += (text.size() > 1 ? "," : "") + quoted(name) + ":[" +
                    std::to_string(count.calls) + "," + std::to_string(count.bytes) + "]";
        return text + "}";
    }

    static std::string quoted(const std::string& text) {
        std::string result = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') result += '\\';
            result += c;
        }
        return result + "\"";
    }

    Counts all, profiled;
    Live live, live_before;
    uint64_t faults = 0;
};

extern Record record;
// Held by every function: calls of all threads are one after the other.
extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

}  // namespace driver
