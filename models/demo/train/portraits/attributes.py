"""What embedder and image encoder are taught to read off a face."""

import torch
import torch.nn.functional as F

from .painter import BEARDS, HATS, STYLES, appearance, variation

CLASSES = {
    "man": (False, True),
    "age": ("young", "middle-aged", "old"),
    "glasses": ("none", "round", "square"),
    "beard": BEARDS,
    "style": STYLES,
    "hat": ("none", *HATS),
    "clown": (False, True),
}
COLOURS = ("skin", "hair_rgb", "eye_rgb")
SHAPES = {"face_w": 4, "jaw": 2, "eye_x": 8, "nose_l": 4, "lip": 1, "brow_t": 1}
NUMBERS = 3 * len(COLOURS) + len(SHAPES)
OUTPUTS = NUMBERS + sum(len(values) for values in CLASSES.values())

TONES = 6


def tones(crops):
    """The colours of cheeks and of hair over the forehead in aligned faces [n, 3, s, s] of 0..1, as they look there:
    by the light of the picture, not as they were drawn."""
    side = crops.shape[-1]
    part = lambda top, bottom, left, right: crops[
        ..., side * top // 112 : side * bottom // 112, side * left // 112 : side * right // 112
    ].mean((2, 3))
    cheeks = (part(66, 78, 22, 34) + part(66, 78, 78, 90)) / 2
    hair = torch.stack([part(1, 8, left, left + 12) for left in (36, 50, 64)]).median(0).values
    return (torch.cat([cheeks, hair], 1) - 0.5) * 4


class Attributes:
    """Targets of `count` pictures."""

    def __init__(self, count, first=0, alike=False):
        people = [{**appearance(k, alike), **variation(k)} for k in range(first, first + count)]
        numbers = [
            [c / 255 for name in COLOURS for c in p[name]] + [p[name] * by for name, by in SHAPES.items()]
            for p in people
        ]
        numbers = torch.tensor(numbers).float()
        self.numbers = (numbers - numbers.mean(0)) / numbers.std(0)
        self.classes = {name: torch.tensor([values.index(p[name]) for p in people]) for name, values in CLASSES.items()}

    def loss(self, outputs, at):
        """The loss of the outputs for pictures `at`, and the share of each class that is right."""
        loss, right, start = F.smooth_l1_loss(outputs[:, :NUMBERS], self.numbers[at]), {}, NUMBERS
        for name, values in CLASSES.items():
            scores, target = outputs[:, start : start + len(values)], self.classes[name][at]
            loss = loss + 0.25 * F.cross_entropy(scores, target)
            right[name] = (scores.argmax(1) == target).float().mean().item()
            start += len(values)
        return loss, right
