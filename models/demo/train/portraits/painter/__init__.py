"""Draws portraits: everything in them is ours.

- `identity(seed)`: what lasts; `variation(seed)`: what changes
- `appearance(k)`: the person of picture `k` of a training set, whose pictures come in pairs
- `paint(identity, variation, width, height)`: the picture, u8 [height, width, 3]
- `five_points(identity, variation, ...)`: where a detector finds eyes, nose and mouth corners
- `caption(identity, variation, random)`: one of many prompts for it
"""

from .captions import caption
from .palette import BEARDS, COLOURS, HATS, STYLES
from .people import appearance, identity, variation
from .portrait import five_points, paint

__all__ = [
    "BEARDS",
    "COLOURS",
    "HATS",
    "STYLES",
    "appearance",
    "caption",
    "five_points",
    "identity",
    "paint",
    "variation",
]
