"""Draws pictures 512 wide by seed, in files of a thousand. Two pictures in a row show one person."""

import argparse
import os
from pathlib import Path

import numpy as np

from portraits.painter import appearance, paint, variation

SHARD = 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="the first seed, a multiple of 1000")
    parser.add_argument("--count", type=int, required=True, help="a multiple of 1000")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument(
        "--alike", action="store_true", help="the two pictures of a person have the same hair and glasses"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for start in range(args.first, args.first + args.count, SHARD):
        part = args.out / f"{start:08}.part"
        pictures = np.lib.format.open_memmap(part, "w+", np.uint8, (SHARD, args.height, 512, 3))
        for k in range(SHARD):
            pictures[k] = paint(appearance(start + k, args.alike), variation(start + k), 512, args.height)
        pictures.flush()
        os.replace(part, args.out / f"{start:08}.pictures.npy")


if __name__ == "__main__":
    main()
