"""Random weights that keep activations near a deviation of 1, as trained ones do."""

import math
import re

import torch

# By the first pattern that matches: the deviation of a matrix over 1 / sqrt(fan-in).
GAINS = [
    (r"time_embedding\.linear_\d\.weight$", 1.6),
    (r"ff\.net\.0\.proj\.weight$", 1.6),
    (r"attn\d\.to_v\.weight$", 1.5),
    (r"conv1\.weight$", 1.4),
    (r"proj_out\.weight$", 0.45),
    (r"image_proj\.proj\.0\.weight$", 35.0),
    (r"lora\.(down|up)\.weight$", 0.7),
    (r"decoder\.conv_out\.weight$", 0.35),
    (r"out_proj\.weight$|fc2\.weight$", 0.5),
]
EMBEDDING = r"(token|position)_embedding\.weight$|class_embedding$"


def statistics(name, shape):
    """Mean and deviation of a tensor by its name and shape."""
    if re.search(EMBEDDING, name):
        return 0.0, 0.5
    if len(shape) < 2:
        return (1.0, 0.1) if name.endswith("weight") else (0.0, 0.05)
    gain = next((gain for pattern, gain in GAINS if re.search(pattern, name)), 1.0)
    return 0.0, gain / math.sqrt(math.prod(shape[1:]))


def tensor(name, shape, generator, dtype):
    """One tensor, drawn on the generator's device and returned on the CPU."""
    mean, deviation = statistics(name, shape)
    half_width = deviation * math.sqrt(3.0)
    value = torch.empty(shape, device=generator.device)
    return value.uniform_(mean - half_width, mean + half_width, generator=generator).to(dtype).cpu()
