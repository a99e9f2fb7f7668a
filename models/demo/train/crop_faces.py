"""Cuts the aligned face and a small whole picture out of every drawn picture."""

import argparse

import numpy as np
from PIL import Image

from portraits.alignment import aligned
from portraits.files import shards
from portraits.painter import appearance, five_points, variation


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first picture")
    args = parser.parse_args()
    pictures = shards(args.pictures)
    shape = (sum(map(len, pictures)), 224, 224, 3)
    create = lambda name: np.lib.format.open_memmap(f"{args.out}/{name}.npy", "w+", np.uint8, shape)
    crops, wholes, k = create("crops"), create("wholes"), 0
    for shard in pictures:
        for picture in shard:
            crops[k] = aligned(picture, five_points(appearance(args.first + k), variation(args.first + k)))
            wholes[k] = Image.fromarray(picture).resize((224, 224), Image.BOX)
            k += 1
    crops.flush()
    wholes.flush()


if __name__ == "__main__":
    main()
