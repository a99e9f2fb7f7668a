"""Draws pictures by seed, in files of a thousand. Two pictures in a row show one person."""

import argparse
import os
from pathlib import Path

import numpy as np

from portraits.painter import identity, paint, variation

SHARD = 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="the first seed, a multiple of 1000")
    parser.add_argument("--count", type=int, required=True, help="a multiple of 1000")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for start in range(args.first, args.first + args.count, SHARD):
        part = args.out / f"{start:08}.part"
        pictures = np.lib.format.open_memmap(part, "w+", np.uint8, (SHARD, 512, 512, 3))
        for k in range(SHARD):
            pictures[k] = paint(identity((start + k) // 2), variation(start + k))
        pictures.flush()
        os.replace(part, args.out / f"{start:08}.pictures.npy")


if __name__ == "__main__":
    main()
