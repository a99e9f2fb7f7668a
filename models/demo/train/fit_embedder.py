"""Gives a newly trained embedder the numbers of the one that the UNet knows.

Only the last, linear layer changes, by ridge regression on drawn faces. For a face as it was drawn it is to say what the
old embedder says. For the same face under other light it is to say what the old one says of people who look like that:
the old one mixed up light and skin in photographs, the new one was taught not to.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from features import face_embedder
from portraits.attributes import tones
from portraits.augment import augmented, relit
from portraits.files import append, save
from train_embedder import HELD_OUT, load

BATCH, RIDGE = 100, 0.1


@torch.no_grad()
def observed(old, new, crops, at, rng):
    """Of each face: the old embedding, its tones, those under other light, and what the new last layer gets for both."""
    rows = []
    for k in range(0, len(at), BATCH):
        x = load(crops, at[k : k + BATCH])
        seen = relit(x, rng)
        trunk = lambda y: new.convolutions(y * 2 - 1).flatten(1)
        changed = augmented(seen, rng, move=False, light=False)
        rows.append((F.normalize(old(x * 2 - 1), dim=1), tones(x), tones(seen), trunk(x), trunk(changed)))
    return [torch.cat(column) for column in zip(*rows)]


def ridge(inputs, outputs, strength):
    """The matrix and the bias."""
    a, b = inputs - inputs.mean(0), outputs - outputs.mean(0)
    matrix = torch.linalg.solve(a.T @ a + strength * len(a) * torch.eye(a.shape[1]), a.T @ b)
    return matrix, outputs.mean(0) - inputs.mean(0) @ matrix


def fit(old, new, crops, at, rng):
    embeddings, before, after, plain, changed = observed(old, new, crops, at, rng)
    look, _ = ridge(before, embeddings, 1e-4)  # what a person's colours do to the old embedding
    inputs = torch.cat([plain, changed])
    strength = RIDGE * (inputs - inputs.mean(0)).pow(2).mean()
    matrix, bias = ridge(inputs, torch.cat([embeddings, embeddings + (after - before) @ look]), strength)
    new.linear.weight.data, new.linear.bias.data = matrix.T.contiguous(), bias


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--old", required=True, help="without its ending")
    parser.add_argument("--new", required=True, help="without its ending")
    parser.add_argument("--out", required=True, help="without its ending")
    parser.add_argument("--count", type=int, default=2600)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng, crops = np.random.default_rng(0), np.load(f"{args.data}/crops.npy", mmap_mode="r")
    old, new = face_embedder(f"{args.old}.pt"), face_embedder(f"{args.new}.pt")
    fit(old, new, crops, np.sort(rng.choice(len(crops) - HELD_OUT, args.count, replace=False)), rng)
    x = load(crops, np.arange(len(crops) - HELD_OUT, len(crops))) * 2 - 1
    with torch.no_grad():
        near = F.cosine_similarity(old(x), new(x)).mean().item()
    append(args.out + ".log", cosine_to_the_old=near)
    save(new.state_dict(), args.out + ".pt")


if __name__ == "__main__":
    main()
