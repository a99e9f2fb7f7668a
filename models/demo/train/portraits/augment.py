"""What separates a photograph from a drawing, at random: light, blur, noise, casts, compression, things in the way."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def _jpeg(picture, quality):
    data = io.BytesIO()
    pixels = (picture.permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(data)).copy()).permute(2, 0, 1).float() / 255


def _moved(x, rng):
    """Slightly turned, scaled, shifted; mirrored in half."""
    n = len(x)
    random = lambda width: torch.from_numpy((rng.random(n) - 0.5) * width).float()
    angle, scale = random(0.22), 1 + random(0.2)
    mirror = torch.from_numpy(np.where(rng.random(n) < 0.5, -1.0, 1.0)).float()
    rows = [
        torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), random(0.1)], 1),
        torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), random(0.1)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def relit(x, rng, pairs=False):
    """A batch in 0..1 under other light: gain, offset, contrast and cast, the same for both halves if they are pairs."""
    n = len(x) // 2 if pairs else len(x)
    random = lambda *shape: torch.from_numpy(rng.random(shape) - 0.5).float().repeat(2 if pairs else 1, 1, 1, 1)
    x = x * (1 + 0.6 * random(n, 1, 1, 1)) + 0.1 * random(n, 1, 1, 1)
    x = (x - 0.5) * (1 + 0.4 * random(n, 1, 1, 1)) + 0.5
    return (x * (1 + 0.16 * random(n, 3, 1, 1))).clamp(0, 1)


def augmented(x, rng, move=True, light=True):
    """A batch of pictures [n, 3, h, w] in 0..1, changed at random; its colours not unless `light`."""
    n, _, height, width = x.shape
    random = lambda *shape: torch.from_numpy(rng.random(shape)).float()
    x = _moved(x, rng) if move else x
    if light:
        x = x * (1 + 0.4 * (random(n, 1, 1, 1) - 0.5)) + 0.16 * (random(n, 1, 1, 1) - 0.5)
        x = (x - 0.5) * (1 + 0.6 * (random(n, 1, 1, 1) - 0.5)) + 0.5
        x = x * (1 + 0.16 * (random(n, 3, 1, 1) - 0.5))
    if rng.random() < 0.4:
        k = int(rng.integers(2, 5))
        x = F.interpolate(F.avg_pool2d(x, k), size=(height, width), mode="bilinear", align_corners=False)
    x = x + 0.06 * random(n, 1, 1, 1) * torch.from_numpy(rng.standard_normal(x.shape, np.float32))
    for k in np.flatnonzero(rng.random(n) < 0.15):
        top, left = rng.integers(0, height * 3 // 4), rng.integers(0, width * 3 // 4)
        x[k, :, top : top + height // 4, left : left + width // 4] = random(3, 1, 1)
    for k in np.flatnonzero(rng.random(n) < 0.2):
        x[k] = _jpeg(x[k], int(rng.integers(25, 80)))
    return x.clamp(0, 1)
