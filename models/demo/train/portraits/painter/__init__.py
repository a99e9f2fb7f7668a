"""Draws portraits: everything in them is ours.

- `identity(seed)`: what lasts; `variation(seed)`: what changes
- `paint(identity, variation, width, height)`: the picture, u8 [height, width, 3]
- `five_points(identity, variation, ...)`: where a detector finds eyes, nose and mouth corners
- `caption(identity, variation, random)`: one of many prompts for it
"""

from .captions import caption
from .palette import BEARDS, COLOURS, HATS, STYLES
from .people import identity, variation
from .portrait import five_points, paint

__all__ = ["BEARDS", "COLOURS", "HATS", "STYLES", "caption", "five_points", "identity", "paint", "variation"]
