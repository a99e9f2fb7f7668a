"""What this machine is, as one line of JSON.

    python facts.py [--results FILE]
"""

import argparse
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

from timing import report

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "triton")
QUERY = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit"


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def gpu():
    """What the driver says, nothing without one."""
    try:
        command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def main(arguments):
    facts = {"by": "facts", "gpu": gpu(), "cpus": len(os.sched_getaffinity(0))}
    facts |= {"system": platform.platform(), "python": platform.python_version(), "cuda": torch.version.cuda}
    facts |= {"cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None}
    facts |= {"cuda_is_available": torch.cuda.is_available()}
    report(facts | {package: version(package) for package in PACKAGES}, arguments.results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
