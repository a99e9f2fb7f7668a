"""Synthetic weights: every tensor is a pure function of its name, its shape and two numbers.

`value = uniform * span + low`, where `uniform` is torch's CPU generator (MT19937) seeded with the CRC-32 of the name:
one 32-bit word for each element in order, `(word & 0xFFFFFF) * 2^-24`. All in f32, each operation rounded.
`NAME.weights.json` lists name, shape, low and span, so no weights are committed.
"""

import json
import math
import re
import zlib

import numpy
import torch

from common import DATA


def around(centre, half_width):
    """Uniform in `centre ± half_width`."""
    return lambda shape: (centre - half_width, 2.0 * half_width)


def gain(value):
    """Uniform around 0 with a standard deviation of `value / sqrt(fan_in)`."""

    def rule(shape):
        half_width = value * math.sqrt(3.0 / math.prod(shape[1:]))
        return -half_width, 2.0 * half_width

    return rule


def specify(shapes, rules):
    """`{name: {shape, low, span}}` by the first rule whose pattern is found in the name; every name must match one."""
    specification = {}
    for name, shape in shapes.items():
        rule = next((rule for pattern, rule in rules if re.search(pattern, name)), None)
        assert rule is not None, f"no rule for {name}"
        low, span = (float(numpy.float32(number)) for number in rule(shape))
        specification[name] = {"shape": list(shape), "low": low, "span": span}
    return specification


def tensor(name, entry):
    """The tensor of one entry; `seed_name`, where given, is the name that seeds it."""
    generator = torch.Generator().manual_seed(zlib.crc32(entry.get("seed_name", name).encode()))
    uniform = torch.rand(entry["shape"], generator=generator)
    return uniform * numpy.float32(entry["span"]) + numpy.float32(entry["low"])


def tensors(specification):
    """All tensors of a specification."""
    return {name: tensor(name, entry) for name, entry in specification.items()}


def write(name, specification):
    """Write `data/NAME.weights.json`, one tensor a line."""
    lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in specification.items()]
    (DATA / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read(name):
    """Read `data/NAME.json` as written by `write`."""
    return json.loads((DATA / f"{name}.json").read_text())


def shapes(module, prefix=""):
    """`{prefix + name: shape}` of a module's saved tensors."""
    return {prefix + name: tuple(value.shape) for name, value in module.state_dict().items()}


def load(module, specification, prefix=""):
    """Fill a module with the tensors whose names start with `prefix`; the key sets must be equal."""
    values = {
        name.removeprefix(prefix): tensor(name, entry)
        for name, entry in specification.items()
        if name.startswith(prefix)
    }
    module.load_state_dict(values, strict=True)
    return module.eval()
