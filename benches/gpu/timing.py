"""Times work on a device and keeps the results, one line of JSON each."""

import json
import statistics
import time

import torch

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def synchronize(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def measure(work, device, repeats=20, warm_up=3):
    """Times of `work` in milliseconds, each until the device is done, and the most memory that torch held."""
    is_gpu = torch.device(device).type == "cuda"
    if is_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    for _ in range(warm_up + repeats):
        started = time.perf_counter()
        work()
        synchronize(device)
        times.append(1e3 * (time.perf_counter() - started))
    counted = times[warm_up:]
    return {
        "median_ms": statistics.median(counted), "least_ms": min(counted), "most_ms": max(counted),
        "first_ms": times[0], "repeats": repeats,
        "device_bytes": torch.cuda.max_memory_reserved(device) if is_gpu else None,
    }  # fmt: skip


def report(result, path=None):
    """Print a result and append it to a file, at once: a later one may end the process."""
    line = json.dumps(result)
    print(line, flush=True)
    if path is not None:
        with path.open("a") as file:
            file.write(line + "\n")
