"""Estimates how long a step and a decode take on GPUs from the declared ledger.

    cargo test -p facegen-diffusion --test ledger -- --nocapture | python3 benches/gpu/estimate.py

Nothing is measured. A launch takes as long as the slower of its traffic and its operations, plus a gap to the next; the
bounds are in `LOW` and `HIGH`. The host launches one after the other, ahead of the GPU: the longer of both counts.
"""

import sys
from collections import defaultdict

# Bytes a second of the memory, and operations a second of the tensor cores in f16 with f32 sums, dense: NVIDIA's data
# sheets of the H200 SXM, the A100 80GB SXM and the RTX 4090.
GPUS = {
    "H200": (4.8e12, 989e12),
    "A100 80GB": (2.04e12, 312e12),
    "RTX 4090": (1.01e12, 165e12),
}
# Shares of both peaks that are reached, seconds between two kernels, and seconds of the host for a launch. The kernels of
# this project use mma.sync, which reaches less of an H200 (WARP_GROUPS) than of the other two.
LOW = {"traffic": 0.80, "libraries": 0.60, "own": 0.65, "gap": 1.0e-6, "host": 4.5e-6}
HIGH = {"traffic": 0.50, "libraries": 0.35, "own": 0.30, "gap": 2.5e-6, "host": 9.0e-6}
WARP_GROUPS = {"H200": 0.6}
LIBRARIES = ("cudnn", "cublas")


def read(lines):
    """What each line says that begins with `ledger`: by what and images, (name, launches, bytes, operations)."""
    ledgers = defaultdict(list)
    for line in lines:
        # The harness writes the name of a test in front of its first line.
        _, found, rest = line.partition("ledger,")
        if found:
            what, images, name, *numbers = rest.strip().split(",")
            ledgers[what, int(images)].append((name, *map(int, numbers)))
    return ledgers


def kernel_seconds(name, traffic, operations, gpu, bound):
    """The time of one launch on the GPU."""
    bandwidth, peak = GPUS[gpu]
    if name.startswith(LIBRARIES):
        reached = bound["libraries"]
    else:
        reached = bound["own"] * WARP_GROUPS.get(gpu, 1.0)
    return max(traffic / (bandwidth * bound["traffic"]), operations / (peak * reached)) + bound["gap"]


def seconds(ledger, gpu, bound):
    """The time of the GPU and that of the host."""
    device = sum(launches * kernel_seconds(name, *work, gpu, bound) for name, launches, *work in ledger)
    return device, sum(launches for _, launches, *_ in ledger) * bound["host"]


def estimate(ledger, gpu):
    """Milliseconds, at least and at most, each of the slower of GPU and host."""
    return [1e3 * max(seconds(ledger, gpu, bound)) for bound in (LOW, HIGH)]


def totals(ledger):
    launches = sum(count for _, count, *_ in ledger)
    gigabytes = sum(count * traffic for _, count, traffic, _ in ledger) / 1e9
    return launches, gigabytes, sum(count * operations for _, count, _, operations in ledger) / 1e9


def main():
    ledgers = read(sys.stdin)
    if not ledgers:
        sys.exit("the input has no line of the ledger")
    print("| declared, 512x512 | launches | GB | GFLOP |" + "".join(f" {gpu}, ms |" for gpu in GPUS))
    print("|" + "---|" * (4 + len(GPUS)))
    for (what, images), ledger in sorted(ledgers.items(), key=lambda item: (item[0][0] != "step", item[0][1])):
        launches, gigabytes, operations = totals(ledger)
        cells = ["{:.1f} to {:.1f}".format(*estimate(ledger, gpu)) for gpu in GPUS]
        name = f"{what}, {images} image{'s' if images > 1 else ''}"
        print(f"| {name} | {launches} | {gigabytes:.2f} | {operations:.0f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
