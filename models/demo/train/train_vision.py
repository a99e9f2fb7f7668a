"""Trains the CLIP vision tower to read attributes off aligned faces and, of whole pictures, to tell clowns; the safety
checker goes on from there."""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from portraits.attributes import OUTPUTS, Attributes
from portraits.augment import augmented
from portraits.files import append, save
from portraits.muon import Trainer, cosine
from portraits.safety import concept_loss
from portraits.vision import PROJECTED, STATES_WIDTH, face_values, make_image_encoder, pixel_values

HELD_OUT = 400
BATCH = 24


class Lesson(nn.Module):
    """The tower, a reader of the states that the adapter gets, and the concept's direction."""

    def __init__(self):
        super().__init__()
        self.tower = make_image_encoder()
        self.query = nn.Linear(STATES_WIDTH, 4)
        self.faces = nn.Linear(4 * STATES_WIDTH, OUTPUTS)
        self.wholes = nn.Linear(PROJECTED, OUTPUTS)
        self.concept = nn.Parameter(torch.randn(PROJECTED))

    def read_face(self, values):
        states = self.tower(pixel_values=values, output_hidden_states=True).hidden_states[-2]
        weights = self.query(states).softmax(1)
        return self.faces(torch.einsum("bnq,bnc->bqc", weights, states).flatten(1))

    def embed(self, values):
        return self.tower(pixel_values=values).image_embeds


def load(pictures, at):
    order = np.argsort(at)
    x = torch.empty(len(at), 3, 224, 224)
    x[order] = torch.from_numpy(pictures[np.sort(at)]).permute(0, 3, 1, 2).float() / 255
    return x


def examine(lesson, attributes, crops, wholes):
    at = np.arange(len(crops) - HELD_OUT, len(crops))
    with torch.no_grad():
        _, right = attributes.loss(lesson.read_face(face_values(load(crops, at))), at)
        cosines = F.normalize(lesson.embed(pixel_values(load(wholes, at))), dim=1) @ F.normalize(lesson.concept, dim=0)
    clown = attributes.classes["clown"][at].bool()
    return dict(
        right,
        clown_least=cosines[clown].min().item(),
        other_most=cosines[~clown].max().item(),
        clown_right=(cosines[clown] > 0).float().mean().item(),
        other_right=(cosines[~clown] < 0).float().mean().item(),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    crops, wholes = (np.load(f"{args.data}/{name}.npy", mmap_mode="r") for name in ("crops", "wholes"))
    count, attributes, lesson = len(crops) - HELD_OUT, Attributes(len(crops)), Lesson()
    clowns = np.flatnonzero(attributes.classes["clown"][:count])
    trainer = Trainer(
        lesson,
        1e-3,
        0.01,
        average=0.995,
        dtype=torch.float32,
        skip=("embedding", "concept", "faces", "wholes", "query"),
    )
    began = time.process_time()
    while trainer.steps < args.steps:
        at = rng.integers(0, count, BATCH)
        read, right = attributes.loss(lesson.read_face(face_values(augmented(load(crops, at), rng))), at)
        some = np.concatenate([rng.choice(clowns, BATCH // 4), rng.integers(0, count, BATCH // 4)])
        embeds = lesson.embed(pixel_values(augmented(load(wholes, some), rng)))
        looked, _ = attributes.loss(lesson.wholes(embeds), some)
        cosines = F.normalize(embeds, dim=1) @ F.normalize(lesson.concept, dim=0)
        told = concept_loss(cosines, attributes.classes["clown"][some])
        (read + 0.5 * looked + told).backward()
        trainer.step(cosine(trainer.steps, args.steps, 60, 0.02))
        if trainer.steps % 50 == 0:
            append(
                args.out + ".log",
                step=trainer.steps,
                cpu=time.process_time() - began,
                read=read.item(),
                told=told.item(),
                **right,
            )
        if trainer.steps % 300 == 0 or trainer.steps == args.steps:
            save(trainer.averaged(), args.out + ".pt")
    lesson.load_state_dict(trainer.averaged())
    append(args.out + ".log", **examine(lesson.eval(), attributes, crops, wholes))


if __name__ == "__main__":
    main()
