"""Batches for the UNet: latents, captions and the face of another picture of the same person."""

import random

import numpy as np
import torch

from .painter import appearance, caption, variation
from .words import EOS, padded, words_of

EXTRA_WORDS = range(300, 49000)
AS_ASKED, MORE = 0.78, 0.92  # up to these shares s_scale is 1, and above 1, if it says how far a face is to be believed
GREYS = ("black", "grey", "white")  # grounds whose words name hair as well, and that hair is drawn in instead
MEAN_OF = 2000  # pictures that the mean of all is taken from


def known_words(pictures):
    """Every token that captions of the first pictures use."""
    known = {49406, EOS}
    for k in range(pictures):
        people = appearance(k), variation(k)
        for phrasing in range(4):
            known.update(words_of(caption(*people, random.Random(k * 31 + phrasing))))
    return known


def unknown_words(known):
    return [word for word in EXTRA_WORDS if word not in known]


def is_grey(seen):
    return seen["bg"] == "plain" and seen["bg_col"] in GREYS


def caption_ids(k, person, seen, unknown, random):
    """The tokens of a caption of picture `k`; words to ignore stand between them in a quarter. Hair that is not that of
    the other picture, whose face goes with it, is named."""
    words = words_of(caption(person, seen, random, person["hair"] != appearance(k ^ 1)["hair"]))
    if random.random() < 0.25:
        for _ in range(random.randint(1, 6)):
            words.insert(random.randint(0, len(words)), random.choice(unknown))
    return padded(words)


class Batches:
    """Random batches of one latent size, by seed. The first picture is that of seed `first`, an even number; `clowns` and
    `hats` are the shares chosen for being such, `greys` that for a ground of those. With `dial`, `s_scale` says how far
    a face is to be believed."""

    def __init__(self, latents, faces, known, seed, clowns=0.0, hats=0.0, first=0, dial=False, greys=0.0):
        self.latents, self.faces, self.clowns, self.hats, self.first = latents, faces, clowns, hats, first
        self.dial, self.greys = dial, greys
        self.mean = torch.from_numpy(latents[:MEAN_OF].astype(np.float32)).mean(0)
        self.rng, self.random = np.random.default_rng(seed), random.Random(seed)
        self.people = [(appearance(k), variation(k)) for k in range(first, first + len(latents))]
        self.clown_pictures = [k for k, (_, seen) in enumerate(self.people) if seen["clown"]]
        self.hat_pictures = [k for k, (_, seen) in enumerate(self.people) if seen["hat"] != "none"]
        self.grey_pictures = [k for k, (_, seen) in enumerate(self.people) if is_grey(seen)]
        self.unknown = unknown_words(known)

    def ids_of(self, k):
        return caption_ids(self.first + k, *self.people[k], self.unknown, self.random)

    def choose(self, size):
        at, kind = self.rng.integers(0, len(self.latents), size), self.rng.random(size)
        clowns, hats = kind < self.clowns, kind > 1 - self.hats
        greys = ~hats & (kind > 1 - self.hats - self.greys)
        at[clowns] = self.rng.choice(self.clown_pictures, int(clowns.sum()))
        at[hats] = self.rng.choice(self.hat_pictures, int(hats.sum()))
        at[greys] = self.rng.choice(self.grey_pictures, int(greys.sum()))
        return at

    def s_scales(self, size):
        """1 in half of the pictures or, with the dial, in most, as a generation has it if nobody asks for another."""
        kind, other = self.rng.random(size), self.rng.random(size)
        if self.dial:
            return np.where(kind < AS_ASKED, 1.0, np.where(kind < MORE, 1 + other, other))
        return np.where(kind < 0.5, 1.0, 2 * other)

    def shown(self, at, s_scale):
        """Whose face goes with each picture: that of another picture of the same person; with the dial, the less `s_scale`
        is, the more often anybody's. Not its own, which says pose and light as well, and overdrives them at 2."""
        if not self.dial:
            return at ^ 1
        anybody = self.rng.random(len(at)) < np.clip(1 - s_scale, 0, 1) ** 2
        return np.where(anybody, self.rng.integers(0, len(self.latents), len(at)), at ^ 1)

    def draw(self, size):
        """Latents, tokens, identity, states and s_scale of `size` pictures."""
        at, drop = self.choose(size), self.rng.random(size)
        # Both left out together, as the unconditional row has it, or one. Without a face the prompt alone is followed.
        empty = padded([])
        ids = [empty if d < 0.11 else self.ids_of(k) for k, d in zip(at.tolist(), drop)]
        faceless = torch.from_numpy((drop < 0.07) | (drop > 0.8))
        s_scale = self.s_scales(size)
        face, states = self.faces.of(self.shown(at, s_scale), faceless, self.rng)
        latents = torch.from_numpy(self.latents[at]).float()
        return latents, torch.tensor(ids), face, states, torch.from_numpy(s_scale).float()


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
