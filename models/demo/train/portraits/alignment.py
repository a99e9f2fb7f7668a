"""Aligned crops of drawn faces, from the painter's own geometry."""

import numpy as np
from PIL import Image

# Where ArcFace's alignment puts eyes, nose and mouth corners in 112 pixels.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def similarity(source, target):
    """Rotation with scale, and shift, that move the source points nearest to the target points."""
    s, t = source - source.mean(0), target - target.mean(0)
    a = (s * t).sum() / (s * s).sum()
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / (s * s).sum()
    matrix = np.array([[a, -b], [b, a]])
    return matrix, target.mean(0) - matrix @ source.mean(0)


def aligned(picture, points, size=224):
    """The square crop in which the five points lie where the template has them."""
    matrix, shift = similarity(np.asarray(points, float), TEMPLATE * size / 112)
    back = np.linalg.inv(matrix)
    x, y = -back @ shift
    affine = (back[0, 0], back[0, 1], x, back[1, 0], back[1, 1], y)
    return np.asarray(Image.fromarray(picture).transform((size, size), Image.AFFINE, affine, Image.BILINEAR))
