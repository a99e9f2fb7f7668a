"""The image projection of `ip-adapter-plus-face`: CLIP hidden states to sixteen image tokens.

Source: IP-Adapter `resampler.py` (`Resampler`) as `ip_adapter.py` (`IPAdapterPlus.init_proj`) builds it. The CLIP
inputs are those of `projection.inputs.json`.
"""

import copy

import torch

import weights
from common import Golden, set_up
from models import CONTEXT
from probe import Probe
from projection import (
    faulty_attention,
    image_tokens_only,
    norms_swapped,
    values_first,
    with_tanh,
    without_residual,
)
from reference import Resampler
from weights import around, gain

PREFIX, TOKENS = "image_proj.", 16
RULES = [
    (r"norm.*weight$|layers\.\d\.1\.0\.weight$", around(1.0, 0.2)),
    (r"latents$", around(0.0, 1.5)),
    (r"\.bias$", around(0.0, 0.1)),
    (r"to_(q|kv)\.weight$", gain(1.2)),
    (r"to_out\.weight$", gain(2.2)),
    (r"layers\.\d\.1\.1\.weight$", gain(1.8)),
    (r"layers\.\d\.1\.3\.weight$", gain(0.8)),
    (r"proj_(in|out)\.weight$", gain(1.0)),
]
BRANCHES = ["^proj_in$", r"layers\.\d\.0$", r"layers\.\d\.1\.1$", r"layers\.\d\.1$", "^proj_out$"]


def build():
    """The resampler with its synthetic weights; writes their specification."""
    model = Resampler(
        dim=CONTEXT, depth=4, dim_head=64, heads=CONTEXT // 64, num_queries=TOKENS, embedding_dim=128,
        output_dim=CONTEXT, ff_mult=4,
    )  # fmt: skip
    specification = weights.specify(weights.shapes(model, PREFIX), RULES)
    weights.write("plus_face.weights", specification)
    return weights.load(model, specification, PREFIX)


def without_norm_out(model):
    """The resampler without its last layer norm."""
    model = copy.deepcopy(model)
    model.norm_out = torch.nn.Identity()
    return model


def with_one_query(model):
    """Every token from the first latent."""
    model = copy.deepcopy(model)
    model.latents.copy_(model.latents[:, :1].expand_as(model.latents).clone())
    return model


def main():
    set_up()
    model = build()
    clip = weights.tensors(weights.read("projection.inputs"))
    golden = Golden("plus_face", ["plus_face"])
    mutations = {
        "gelu_tanh": with_tanh(model),
        "no_norm_out": without_norm_out(model),
        "one_latent": with_one_query(model),
        "no_attention_residual": faulty_attention(model, without_residual),
        "norms_swapped": faulty_attention(model, norms_swapped),
        "values_before_keys": faulty_attention(model, values_first),
        "latents_not_in_keys": faulty_attention(model, image_tokens_only),
    }
    for branch, name in (("cond", "projection.clip_embeds"), ("uncond", "projection.uncond_clip_embeds")):
        probe = Probe(f"plus {branch}", model, BRANCHES)
        tokens = model(clip[name])
        probe.report()
        golden.expect(branch, tokens, exact=copy.deepcopy(model).double()(clip[name].double()))
        for mutation, mutated in mutations.items():
            golden.mutate(mutation, branch, mutated(clip[name]))
    golden.save()


if __name__ == "__main__":
    main()
