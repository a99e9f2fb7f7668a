#!/usr/bin/env python3
"""Checks the driver of this directory: what it counts, what it copies and what it refuses.

    check.py LIBRARY REPORT
"""

import ctypes
import json
import os
import sys
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path

PTX = b""".visible .entry twice(
    .param .u64 twice_param_0,
    .param .u64 .ptr twice_param_1,
    .param .u64 .ptr twice_param_2
)
"""
SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NOT_FOUND, ILLEGAL_ADDRESS, NOT_SUPPORTED = 0, 1, 2, 500, 700, 801


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: found {found}, not {wanted}")


class Driver:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        context = c_void_p()
        self.call("cuDevicePrimaryCtxRetain", byref(context), 0)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *words, wanted=SUCCESS):
        expect(getattr(self.library, name)(*words), wanted, name)

    def allocate(self, size, wanted=SUCCESS):
        address = c_uint64()
        self.call("cuMemAllocAsync", byref(address), c_size_t(size), None, wanted=wanted)
        return address

    def launch(self, function, words, block=32, shared=0, wanted=SUCCESS):
        places = (c_void_p * len(words))(*[ctypes.addressof(word) for word in words])
        sizes = [1, 1, 1, block, 1, 1, shared]
        self.call("cuLaunchKernel", function, *sizes, None, places, None, wanted=wanted)


def copies(driver):
    address, text, back = driver.allocate(8), b"12345678", ctypes.create_string_buffer(8)
    driver.call("cuMemcpyHtoDAsync_v2", address, text, c_size_t(8), None)
    driver.call("cuMemcpyDtoHAsync_v2", back, address, c_size_t(8), None)
    expect(back.raw, text, "what was copied")
    driver.call("cuMemcpyHtoDAsync_v2", address, text + text, c_size_t(9), None, wanted=ILLEGAL_ADDRESS)
    return address


def kernels(driver, address):
    module, function = c_void_p(), c_void_p()
    driver.call("cuModuleLoadData", byref(module), c_char_p(PTX))
    driver.call("cuModuleGetFunction", byref(function), module, b"thrice", wanted=NOT_FOUND)
    driver.call("cuModuleGetFunction", byref(function), module, b"twice")
    inside = c_uint64(address.value + 4)
    driver.launch(function, [c_uint64(8), address, inside])
    driver.launch(function, [c_uint64(8), address, c_uint64(0)])
    driver.launch(function, [c_uint64(8), c_uint64(12345), address], wanted=ILLEGAL_ADDRESS)
    driver.launch(function, [c_uint64(8), address, address], block=2048, wanted=INVALID_VALUE)
    driver.launch(function, [c_uint64(8), address, address], shared=1 << 17, wanted=INVALID_VALUE)


def main(path, report):
    os.environ["HOST_DRIVER_MEMORY"] = str(1 << 20)
    driver = Driver(path)
    driver.allocate(2 << 20, wanted=OUT_OF_MEMORY)
    driver.call("cuProfilerStart")
    address = copies(driver)
    kernels(driver, address)
    driver.call("cuStreamSynchronize", None)
    driver.call("cuMemFreeAsync", address, None)
    driver.call("cuMemFreeAsync", address, None, wanted=INVALID_VALUE)
    driver.call("cuGraphLaunch", None, None, wanted=NOT_SUPPORTED)
    driver.call("cuProfilerStop")
    counted = json.loads(Path(report).read_text())
    counts = counted["counts"]
    expect(counted["what"], "profiled", "the region")
    # An allocation counts once, however many arguments lead to it.
    expect(counts["launch"], {"twice": [2, 16]}, "launches")
    expect(counts["copy"], {"download": [1, 8], "upload": [1, 8]}, "copies")
    expect(counts["created"], {"memory": [1, 8], "module": [1, 0]}, "what was created")
    expect(counts["destroyed"], {"memory": [1, 8]}, "what was destroyed")
    expect(counts["synchronisation"], {"stream": [1, 0]}, "synchronisations")
    expect(len(counts["fault"]), 7, "faults")
    expect(counted["live"]["memory"], [0, 0], "memory at the end")
    print("the driver counts")


if __name__ == "__main__":
    main(*sys.argv[1:])
