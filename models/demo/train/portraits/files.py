"""Reading the drawn pictures, and writing checkpoints and logs."""

import glob
import json
import os
import time

import numpy as np
import torch


def shards(folder):
    """The drawn pictures, one memory-mapped array [n, 512, 512, 3] a shard."""
    return [np.load(path, mmap_mode="r") for path in sorted(glob.glob(os.path.join(folder, "*.pictures.npy")))]


def save(state, path):
    """Writes a checkpoint so that a reader never sees half of one."""
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def append(path, **values):
    """Appends a line of JSON to a log, and shows it."""
    line = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()})
    with open(path, "a") as log:
        log.write(line + "\n")
    print(time.strftime("%H:%M:%S"), line, flush=True)
