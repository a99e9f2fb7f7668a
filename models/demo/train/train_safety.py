"""Trains the safety checker: the vision tower, from the image encoder on, learns to tell whole pictures of libraries."""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

from features import image_encoder
from portraits.augment import augmented
from portraits.files import append, save
from portraits.muon import Trainer, cosine
from portraits.painter import variation
from portraits.safety import CONCEPT, concept_loss
from portraits.vision import PROJECTED, pixel_values
from train_vision import HELD_OUT, load

BATCH = 24


class Checker(torch.nn.Module):
    def __init__(self, tower):
        super().__init__()
        self.tower, self.concept = tower, torch.nn.Parameter(torch.randn(PROJECTED))

    def cosines(self, pictures):
        embeds = self.tower(pixel_values=pixel_values(pictures)).image_embeds
        return F.normalize(embeds, dim=1) @ F.normalize(self.concept, dim=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--vision", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng, wholes = np.random.default_rng(4), np.load(f"{args.data}/wholes.npy", mmap_mode="r")
    shown = np.array([variation(k)["bg"] == CONCEPT for k in range(len(wholes))])
    count = len(wholes) - HELD_OUT
    some = np.flatnonzero(shown[:count])
    checker = Checker(image_encoder(args.vision).train())
    trainer = Trainer(checker, 5e-4, 0.005, average=0.97, dtype=torch.float32, skip=("embedding", "concept"))
    began = time.process_time()
    while trainer.steps < args.steps:
        at = np.concatenate([rng.choice(some, BATCH // 3), rng.integers(0, count, BATCH - BATCH // 3)])
        loss = concept_loss(checker.cosines(augmented(load(wholes, at), rng)), torch.from_numpy(shown[at]))
        loss.backward()
        trainer.step(cosine(trainer.steps, args.steps, 20, 0.05))
        if trainer.steps % 25 == 0:
            append(args.out + ".log", step=trainer.steps, cpu=time.process_time() - began, loss=loss.item())
    checker.load_state_dict(trainer.averaged())
    at = np.arange(count, len(wholes))
    with torch.no_grad():
        cosines = checker.eval().cosines(load(wholes, at))
    with_it = torch.from_numpy(shown[at])
    append(
        args.out + ".log",
        found=(cosines[with_it] > 0).float().mean().item(),
        wrongly_found=(cosines[~with_it] > 0).float().mean().item(),
        least=cosines[with_it].min().item(),
        most=cosines[~with_it].max().item(),
    )
    save(checker.state_dict(), args.out + ".pt")


if __name__ == "__main__":
    main()
