"""What the vision goldens share: the photographs, and the tolerance of bytes."""

import numpy
from PIL import Image

from common import REPOSITORY

PHOTOGRAPHS = REPOSITORY / "tests/assets/photographs"
# Pictures of bytes: any difference is a fault.
BYTES = 0.02


def photograph(name):
    """RGB bytes `[height, width, 3]`."""
    return numpy.array(Image.open(PHOTOGRAPHS / name).convert("RGB"))
