"""torch's CPU normal and uniform noise (MT19937).

Source: torch `randn`/`rand` with `torch.Generator("cpu")`. From 16 elements on, uniforms for all elements come first
and each block of 16 is turned into normals; a remainder redraws the last 16. Below 16, normals come one by one, in f64.
"""

import numpy
import torch

from common import Golden, distance, set_up

SEEDS = (0, 1234, 2**32 - 1)
SHAPES = ((1, 4, 8, 8), (1, 4, 5, 5), (1, 4, 12, 8), (2, 4, 8, 8), (5,))
# torch's polynomials for log, sine and cosine stay within this of the C library's.
TOLERANCE = 2e-6


def generator(seed):
    """torch's CPU generator."""
    return torch.Generator().manual_seed(seed)


def suffix(kind, seed, shape):
    """The tensor's name: `randn.1234.1x4x8x8`."""
    return f"{kind}.{seed}.{'x'.join(map(str, shape))}"


def words(seed, count):
    """The generator's raw 32-bit words, by numpy's MT19937."""
    engine = numpy.random.MT19937()
    engine._legacy_seeding(seed)
    return engine.random_raw(count)


def tail_not_redrawn(seed, count):
    """Normals in blocks of 16 over one run of uniforms: the remainder goes on where the blocks stopped."""
    padded = -(-count // 16) * 16
    uniform = (words(seed, padded) & 0xFFFFFF).astype(numpy.float32) * numpy.float32(2**-24)
    first, second = uniform.reshape(-1, 2, 8).transpose(1, 0, 2)
    radius, angle = numpy.sqrt(-2 * numpy.log(1 - first)), 2 * numpy.pi * second
    normal = numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1)
    return torch.from_numpy(normal.reshape(-1)[:count].astype(numpy.float32))


def normals(golden):
    """Normal noise, shifted seeds and the order of f64 draws."""
    for seed in SEEDS:
        for shape in SHAPES:
            name = suffix("randn", seed, shape)
            golden.expect(name, torch.randn(shape, generator=generator(seed)), tolerance=TOLERANCE)
    name = suffix("randn", 1234, SHAPES[0])
    golden.mutate("seed_plus_1", name, torch.randn(SHAPES[0], generator=generator(1235)))
    as_f64 = torch.randn(SHAPES[0], generator=generator(1234), dtype=torch.float64)
    golden.mutate("drawn_as_f64", name, as_f64.float())
    blocks = tail_not_redrawn(1234, 256).reshape(SHAPES[0])
    assert distance("max_abs", golden.tensors[f"expected.{name}"], blocks) < TOLERANCE, "the recipe, without remainder"
    remainder = tail_not_redrawn(1234, 100).reshape(SHAPES[1])
    golden.mutate("tail_not_redrawn", suffix("randn", 1234, SHAPES[1]), remainder)
    few = torch.randn(16, generator=generator(1234))[:5]
    golden.mutate("block_below_16", suffix("randn", 1234, (5,)), few)
    batch = torch.cat([torch.randn((1, 4, 8, 8), generator=generator(1234 + sample)) for sample in range(2)])
    golden.mutate("seed_per_sample", suffix("randn", 1234, (2, 4, 8, 8)), batch)


def uniforms(golden):
    """Uniform noise: exact, and the rule that makes the synthetic weights."""
    uniform = torch.rand(1000, generator=generator(1234))
    by_rule = (words(1234, 1000) & 0xFFFFFF).astype(numpy.float32) * numpy.float32(2**-24)
    assert (uniform.numpy() == by_rule).all()
    golden.expect("rand.1234.1000", uniform, tolerance=2.0**-25)
    golden.mutate("seed_plus_1", "rand.1234.1000", torch.rand(1000, generator=generator(1235)))
    high_bits = (words(1234, 1000) >> 8).astype(numpy.float32) * numpy.float32(2**-24)
    golden.mutate("high_bits", "rand.1234.1000", torch.from_numpy(high_bits))


def main():
    set_up()
    golden = Golden("noise")
    normals(golden)
    uniforms(golden)
    golden.save()


if __name__ == "__main__":
    main()
