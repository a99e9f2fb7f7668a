"""Batches for the UNet: latents, captions and the face of another picture of the same person."""

import random

import numpy as np
import torch

from .painter import caption, identity, variation
from .text import EOS, padded, words_of

EXTRA_WORDS = range(300, 49000)


def known_words(pictures):
    """Every token that captions of the first pictures use."""
    known = {49406, EOS}
    for k in range(pictures):
        people = identity(k // 2), variation(k)
        for phrasing in range(4):
            known.update(words_of(caption(*people, random.Random(k * 31 + phrasing))))
    return known


class Batches:
    """Random batches of one latent size, by seed."""

    def __init__(self, latents, faces, known, seed, clowns=0.0):
        self.latents, self.faces, self.clowns = latents, faces, clowns
        self.rng, self.random = np.random.default_rng(seed), random.Random(seed)
        self.people = [(identity(k // 2), variation(k)) for k in range(len(latents))]
        self.clown_pictures = [k for k, (_, seen) in enumerate(self.people) if seen["clown"]]
        self.unknown = [word for word in EXTRA_WORDS if word not in known]

    def ids_of(self, k):
        """The tokens of a caption; words to ignore stand between them in a quarter."""
        words = words_of(caption(*self.people[k], self.random))
        if self.random.random() < 0.25:
            for _ in range(self.random.randint(1, 6)):
                words.insert(self.random.randint(0, len(words)), self.random.choice(self.unknown))
        return padded(words)

    def draw(self, size):
        """Latents, tokens, identity, states and s_scale of `size` pictures."""
        at = self.rng.integers(0, len(self.latents), size)
        more = self.rng.random(size) < self.clowns
        at[more] = self.rng.choice(self.clown_pictures, int(more.sum()))
        drop = self.rng.random(size)  # both together, as the unconditional row has it, or one
        empty = padded([])
        ids = [empty if d < 0.12 else self.ids_of(k) for k, d in zip(at, drop)]
        faceless = torch.from_numpy((drop < 0.07) | (drop > 0.89))
        face, states = self.faces.of(at ^ 1, faceless, self.rng)
        s_scale = torch.where(
            torch.from_numpy(self.rng.random(size) < 0.5), 1.0, torch.from_numpy(2 * self.rng.random(size)).float()
        )
        latents = torch.from_numpy(self.latents[at]).float()
        return latents, torch.tensor(ids), face, states, s_scale


class Faces:
    """What embedder and image encoder said of every picture, under several augmentations."""

    def __init__(self, folder):
        self.identity = np.load(f"{folder}/faces.identity.npy", mmap_mode="r")
        self.states = np.load(f"{folder}/faces.states.npy", mmap_mode="r")
        self.black = torch.from_numpy(np.load(f"{folder}/faces.black.npy")).float()

    def of(self, at, faceless, rng):
        view = rng.integers(0, len(self.identity), len(at))
        face = torch.from_numpy(self.identity[view, at]).float()
        states = torch.from_numpy(self.states[view, at]).float()
        face[faceless] = 0
        states[faceless] = self.black
        return face, states


class NoFaces:
    """The face left out, for the first steps of a training."""

    def __init__(self, tokens, width):
        self.black = torch.zeros(tokens, width)

    def of(self, at, faceless, rng):
        return torch.zeros(len(at), 512), self.black.expand(len(at), -1, -1)
