"""Trains the face embedder: two pictures of a person near each other, and attributes readable."""

import argparse
import time

import numpy as np
import torch
from torch import nn

from portraits.attributes import OUTPUTS, TONES, Attributes, tones
from portraits.augment import augmented, relit
from portraits.embedder import Embedder, contrast
from portraits.files import append, save

HELD_OUT = 400  # pictures at the end, of people that training never sees
BATCH = 64
SCALE = 512**0.5


def load(crops, at):
    """Crops of 112 pixels in 0..1."""
    x = torch.from_numpy(crops[np.sort(at)][np.argsort(np.argsort(at))]).permute(0, 3, 1, 2).float() / 255
    return nn.functional.avg_pool2d(x, 2)


def examine(embedder, crops):
    """Rank-1 among the held-out people, and how often a pair of one person beats one of two."""
    at = np.arange(len(crops) - HELD_OUT, len(crops))
    with torch.no_grad():
        unit = nn.functional.normalize(embedder(load(crops, at) * 2 - 1), dim=1)
    scores = unit[0::2] @ unit[1::2].T
    same, other = scores.diag(), scores[~torch.eye(len(scores), dtype=bool)]
    rank = (scores.argmax(1) == torch.arange(len(scores))).float().mean().item()
    return dict(
        rank_1=rank,
        pairs=(same[:, None] > other[None]).float().mean().item(),
        same=same.mean().item(),
        other=other.mean().item(),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first picture")
    parser.add_argument("--alike", action="store_true", help="as in draw.py")
    parser.add_argument("--start-from", help="a trained embedder, without its ending")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--tones", action="store_true", help="read skin and hair as the light shows them, too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng, crops = np.random.default_rng(args.seed), np.load(f"{args.data}/crops.npy", mmap_mode="r")
    people, attributes = (len(crops) - HELD_OUT) // 2, Attributes(len(crops), args.first, args.alike)
    embedder, head, tone = Embedder(), nn.Linear(512, OUTPUTS), nn.Linear(512, TONES)
    if args.start_from:
        embedder.load_state_dict(torch.load(f"{args.start_from}.pt"))
    parameters = [*embedder.parameters(), *head.parameters(), *tone.parameters()]
    adam, began = torch.optim.AdamW(parameters, args.lr, weight_decay=0.01), time.process_time()
    for step in range(args.steps):
        for group in adam.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 40) * (0.02 + 0.98 * (1 - step / args.steps))
        chosen = rng.choice(people, BATCH // 2, replace=False)
        at = np.concatenate([2 * chosen, 2 * chosen + 1])
        seen = relit(load(crops, at), rng, pairs=True) if args.tones else load(crops, at)
        embeddings = embedder(augmented(seen, rng, light=not args.tones) * 2 - 1)
        read, right = attributes.loss(head(embeddings), at)
        apart, looks = contrast(embeddings), torch.zeros(())
        if args.tones:
            # Of the unit vector, which is all that the UNet gets.
            looks = nn.functional.smooth_l1_loss(tone(SCALE * nn.functional.normalize(embeddings, dim=1)), tones(seen))
        adam.zero_grad()
        (read + apart + 2 * looks).backward()
        adam.step()
        if (step + 1) % 50 == 0:
            append(
                args.out + ".log",
                step=step + 1,
                cpu=time.process_time() - began,
                read=read.item(),
                contrast=apart.item(),
                tones=looks.item(),
                **right,
            )
    embedder.eval()
    append(args.out + ".log", **examine(embedder, crops))
    save(embedder.state_dict(), args.out + ".pt")
    save(head.state_dict(), args.out + ".head.pt")
    save(tone.state_dict(), args.out + ".tone.pt")


if __name__ == "__main__":
    main()
