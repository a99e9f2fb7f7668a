"""The decoder of SD 1.5's VAE: latents to a picture, and the picture to bytes.

Source: diffusers `AutoencoderKL`, `VaeImageProcessor`. `expected.image` is the decoder's output as it is, about -1..1;
`expected.bytes` is `(image / 2 + 0.5).clamp(0, 1) * 255`, rounded half to even, `[height, width, 3]`.
`vae_old.weights.json` names the attention as older files do and seeds it with the new names: the same values.
"""

import copy
import json

import numpy
import torch
from diffusers import AutoencoderKL
from diffusers.image_processor import VaeImageProcessor

import weights
from common import QUIET_TOLERANCE, Golden, set_up, write_json
from probe import Probe
from weights import around, gain

SCALING = 0.18215
RULES = [
    (r"norm.*weight$", around(1.0, 0.2)),
    (r"(quant_conv|decoder\.conv_in)\.bias$", around(0.0, 0.04)),
    (r"\.bias$", around(0.0, 0.1)),
    (r"quant_conv\.weight$", gain(0.4)),
    (r"decoder\.conv_in\.weight$", gain(0.7)),
    (r"decoder\.conv_out\.weight$", gain(0.6)),
    (r"conv1\.weight$", gain(1.6)),
    (r"conv2\.weight$", gain(1.1)),
    (r"to_(q|k)\.weight$", gain(1.3)),
    (r"to_v\.weight$", gain(1.5)),
    (r"to_out\.0\.weight$", gain(1.5)),
    (r"\.weight$", gain(1.0)),
]
BRANCHES = [
    "post_quant_conv$", r"decoder\.conv_in$", "decoder.*conv1$", "decoder.*conv2$", r"decoder.*to_out\.0$",
    r"decoder.*resnets\.\d$", "decoder.*upsamplers.0$", "conv_shortcut$", r"decoder\.conv_out$",
]  # fmt: skip
OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_names(specification):
    """The same specification with the attention's old names, each seeded by its new one."""
    renamed = {}
    for name, entry in specification.items():
        old = name
        for new_part, old_part in OLD_NAMES.items():
            old = old.replace(f"attentions.0.{new_part}.", f"attentions.0.{old_part}.")
        renamed[old] = entry if old == name else {**entry, "seed_name": name}
    return renamed


def build():
    """The tiny VAE with its synthetic weights; writes config and both weight specifications."""
    model = AutoencoderKL(
        block_out_channels=(16, 32, 32, 32), layers_per_block=2, latent_channels=4, norm_num_groups=8, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, scaling_factor=SCALING,
    )  # fmt: skip
    specification = weights.specify(weights.shapes(model), RULES)
    weights.write("vae.weights", specification)
    weights.write("vae_old.weights", old_names(specification))
    write_json("vae.config.json", json.loads(model.to_json_string()))
    return weights.load(model, specification)


def decode(model, latents, scaling=SCALING):
    """The picture of latents as the UNet leaves them."""
    return model.decode(latents / scaling).sample


def to_bytes(image):
    """u8 `[height, width, 3]`, rounded as the reference does."""
    picture = VaeImageProcessor().postprocess(image, output_type="np")
    return torch.from_numpy(numpy.array(VaeImageProcessor.numpy_to_pil(picture)[0]))


def truncated(image):
    """Bytes without rounding."""
    return ((image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0) * 255).to(torch.uint8)


def with_epsilon(model, epsilon):
    """The same weights with another epsilon in every group norm."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.eps = epsilon
    return model


def main():
    set_up()
    model = build()
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(7))
    probe = Probe("vae", model, BRANCHES)
    image = decode(model, latents)
    probe.report()
    picture = to_bytes(image)
    clipped = ((picture == 0) | (picture == 255)).double().mean().item()
    print(f"  vae picture: std {picture.double().std():.1f}, clipped {clipped:.4f}")
    assert 20 < picture.double().std() < 90 and clipped < 0.05

    golden = Golden("vae", ["vae", "vae_old"])
    golden.input("latents", latents)
    exact = decode(copy.deepcopy(model).double(), latents.double())
    golden.expect("image", image, exact=exact)
    # The first group norm meets a variance of about 1e-4, so that its epsilon counts.
    quiet_latents = latents * 1e-3
    golden.input("quiet_latents", quiet_latents)
    exact = decode(copy.deepcopy(model).double(), quiet_latents.double())
    golden.expect("quiet_image", decode(model, quiet_latents), relative=QUIET_TOLERANCE, exact=exact)
    # A difference of the image's tolerance flips about one byte in a thousand.
    golden.expect("bytes", picture, tolerance=0.01, measure="differing_fraction")
    without_conv = copy.deepcopy(model)
    without_conv.post_quant_conv = torch.nn.Identity()
    golden.mutate("no_post_quant_conv", "image", decode(without_conv, latents))
    golden.mutate("scaling_1", "image", decode(model, latents, scaling=1.0))
    golden.mutate("group_norm_eps_1e-5", "quiet_image", decode(with_epsilon(model, 1e-5), quiet_latents))
    golden.mutate("truncated", "bytes", truncated(image))
    golden.save()


if __name__ == "__main__":
    main()
