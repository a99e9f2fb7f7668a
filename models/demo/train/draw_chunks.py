"""Draws pictures without end, in chunks with all that training wants to know of them: captions as tokens, and the aligned
faces, once plain and several times augmented. `train_while_drawing.py` takes the chunks as they come, and deletes them.
"""

import argparse
import multiprocessing
import os
import random
import time
from pathlib import Path

import numpy as np
import torch

from portraits.alignment import aligned
from portraits.augment import augmented
from portraits.batches import caption_ids, unknown_words
from portraits.painter import appearance, five_points, paint, variation

TALL = 768
TALL_FROM = 500_000  # the first seed of tall pictures
WAITING = 40  # chunks that nobody took: no more are drawn until somebody does
TOGETHER = 4  # faces whose augmentation has the same blur


def views_of(faces, views, rng):
    """Faces [n, h, w, 3] under `views` views [views, n, h, w, 3]: as they are, and augmented but for their colours."""
    x = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    changed = [
        torch.cat([augmented(part, rng, move=False, light=False) for part in x.split(TOGETHER)])
        for _ in range(views - 1)
    ]
    return [faces] + [(y * 255).round().byte().permute(0, 2, 3, 1).numpy() for y in changed]


def chunk(first, count, height, args, unknown):
    """Pictures of the seeds from `first` on."""
    seeds = range(first, first + count)
    people, rng = [(appearance(k), variation(k)) for k in seeds], np.random.default_rng(first)
    pictures = np.stack([paint(*person, 512, height) for person in people])
    faces = np.stack([aligned(p, five_points(*person, 512, height)) for p, person in zip(pictures, people)])
    ids = [
        [caption_ids(k, *person, unknown, random.Random(k * 97 + n)) for n in range(args.captions)]
        for k, person in zip(seeds, people)
    ]
    return dict(
        pictures=pictures,
        faces=np.stack(views_of(faces, args.views, rng)),
        ids=np.array(ids, np.int32),
        clown=np.array([seen["clown"] for _, seen in people]),
        hat=np.array([seen["hat"] != "none" for _, seen in people]),
    )


def wait_for_room(folder, parent):
    """Until few chunks wait; false once the process that takes them is gone."""
    while len(list(folder.glob("*.npz"))) > WAITING:
        time.sleep(0.1)
    return os.getppid() == parent and not (folder / "enough").exists()


def draw(number, args):
    """What one of the processes does."""
    unknown, parent = unknown_words(set(np.load(args.known).tolist())), os.getppid()
    while wait_for_room(args.out, parent):
        tall = number % args.tall_every == args.tall_every // 2
        first = args.first + number * args.size + TALL_FROM * tall
        part = args.out / f"{number:06}.part"
        with part.open("wb") as file:
            np.savez(file, **chunk(first, args.size, TALL if tall else 512, args, unknown))
        os.replace(part, args.out / f"{number:06}.npz")
        number += args.processes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--known", type=Path, required=True, help="the file with the tokens that have a row")
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--size", type=int, default=64, help="pictures in a chunk, an even number")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--captions", type=int, default=12)
    parser.add_argument("--tall-every", type=int, default=8, help="which chunk is of tall pictures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    processes = [multiprocessing.get_context("fork").Process(target=draw, args=(n, args)) for n in range(args.processes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
