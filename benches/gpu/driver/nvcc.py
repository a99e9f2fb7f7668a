#!/usr/bin/env python3
"""Stands in for NVIDIA's compiler where kernels are not to run on a GPU.

It writes the entry points of a file and their parameters as PTX names them, without any
instruction: enough for the driver of this directory, and for build scripts. Libraries are empty.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

VERSION = "13.0"
ENTRY = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(\w+)\s*\(([^(){}]*)\)\s*\{')
SCALARS = {
    ".u8": ("uint8_t", "unsigned char", "bool"),
    ".u16": ("int16_t", "__half", "__nv_bfloat16"),
    ".u32": ("uint32_t", "int32_t", "int", "unsigned", "unsigned int"),
    ".u64": ("size_t", "int64_t", "uint64_t", "long long", "unsigned long long"),
    ".f32": ("float",),
    ".f64": ("double",),
}


def preprocess(source, include):
    command = ["c++", "-E", "-P", "-x", "c++", "-std=c++17", f"-I{include}"]
    defines = ["__CUDACC__", "__CUDA_ARCH__=900", "__CUDACC_VER_MAJOR__=13", "__CUDACC_VER_MINOR__=0"]
    defines += ["__launch_bounds__(...)=", "__restrict__="]
    command += [f"-D{define}" for define in defines]
    return subprocess.run([*command, source], check=True, capture_output=True, text=True).stdout


def parameter(text):
    """Returns the PTX type of a parameter such as `const float *name`."""
    if "*" in text:
        return ".u64 .ptr"
    words = [word for word in text.split() if word != "const"][:-1]
    name = " ".join(words)
    found = [ptx for ptx, names in SCALARS.items() if name in names]
    return found[0] if found else ".b8"


def entry_points(text):
    for match in ENTRY.finditer(text):
        name, parameters = match.groups()
        lines = [
            f"\t.param {parameter(part)} {name}_param_{number}"
            for number, part in enumerate(filter(None, map(str.strip, parameters.split(","))))
        ]
        yield f".visible .entry {name}(\n" + ",\n".join(lines) + "\n)\n{\n\tret;\n}\n"


def option(words, name):
    return words[words.index(name) + 1]


def main(words):
    if "--version" in words:
        lines = ["a stand-in for nvcc", "", "", f"Cuda compilation tools, release {VERSION}, V{VERSION}.0"]
        print("\n".join(lines))
    elif "--list-gpu-code" in words:
        print("sm_80\nsm_86\nsm_89\nsm_90")
    elif "--lib" in words:
        objects = [word for word in words if word.endswith(".o")]
        subprocess.run(["ar", "rcs", option(words, "-o"), *objects], check=True)
    elif "--ptx" in words:
        source = Path(words[-1])
        include = Path(os.path.abspath(sys.argv[0])).parent.parent / "include"
        text = "".join(entry_points(preprocess(source, include)))
        target = Path(option(words, "--output-directory")) / source.with_suffix(".ptx").name
        target.write_text(".version 9.0\n.target sm_90\n.address_size 64\n" + text)
    else:
        subprocess.run(["cc", "-c", "-x", "c", os.devnull, "-o", option(words, "-o")], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
