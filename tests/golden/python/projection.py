"""The adapter's image projection: identity vector and CLIP hidden states to four image tokens.

Source: IP-Adapter `ip_adapter_faceid.py` (`ProjPlusModel`), `resampler.py` (`PerceiverAttention`). The weights are
`image_proj.*` of `adapter.weights.json`. The CLIP inputs follow the rule of weights.py: `projection.inputs.json`.
The conditional and the unconditional branch take the same shortcut and the same `s_scale`.
"""

import copy
import functools

import torch

import weights
from common import Golden, set_up
from models import adapter_specification, build_projection
from probe import Probe
from reference import PerceiverAttention
from weights import around

S_SCALES = (0.0, 0.5, 1.0, 2.0)
BRANCHES = [
    r"proj\.0$", r"proj\.2$", "^norm$", "proj_in$", r"layers\.\d\.0$", r"layers\.\d\.1\.1$", r"layers\.\d\.1$",
    "proj_out$",
]  # fmt: skip
PREFIX = "image_proj."


def inputs():
    """Identity vector and CLIP states of both branches: `(cond, uncond)`."""
    shapes = {"projection.clip_embeds": (1, 257, 128), "projection.uncond_clip_embeds": (1, 257, 128)}
    specification = weights.specify(shapes, [("", around(0.0, 2.5))])
    weights.write("projection.inputs", specification)
    clip_embeds, uncond_clip_embeds = weights.tensors(specification).values()
    id_embeds = torch.randn(1, 512, generator=torch.Generator().manual_seed(1))
    id_embeds = torch.nn.functional.normalize(id_embeds)
    return (id_embeds, clip_embeds), (torch.zeros_like(id_embeds), uncond_clip_embeds)


def with_tanh(model):
    """The tanh approximation of GELU everywhere."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, torch.nn.GELU):
            module.approximate = "tanh"
    return model


def without_norm_out(model):
    """The resampler without its last layer norm."""
    model = copy.deepcopy(model)
    model.perceiver_resampler.norm_out = torch.nn.Identity()
    return model


def faulty_attention(model, fault):
    """Replace every perceiver attention's forward by `fault(attention, plain_forward, image, latents)`."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, PerceiverAttention):
            module.forward = functools.partial(fault, module, PerceiverAttention.forward)
    return model


def without_residual(module, plain, image, latents):
    """Undo the `+ latents` that follows the attention."""
    return plain(module, image, latents) - latents


def norms_swapped(module, plain, image, latents):
    """`norm2` on the image tokens and `norm1` on the latents."""
    swapped = copy.copy(module)
    swapped._modules = {**module._modules, "norm1": module.norm2, "norm2": module.norm1}
    return plain(swapped, image, latents)


def values_first(module, plain, image, latents):
    """`to_kv` read as values, then keys."""
    swapped = copy.deepcopy(module)
    keys, values = module.to_kv.weight.chunk(2)
    swapped.to_kv.weight.copy_(torch.cat([values, keys]))
    return plain(swapped, image, latents)


def image_tokens_only(module, plain, image, latents):
    """Keys and values from the image tokens alone."""
    keys_values = module.to_kv(module.norm1(image)).chunk(2, dim=-1)
    query = module.to_q(module.norm2(latents))
    split = [part.unflatten(-1, (module.heads, -1)).transpose(1, 2) for part in (query, *keys_values)]
    output = torch.nn.functional.scaled_dot_product_attention(*split)
    return module.to_out(output.transpose(1, 2).flatten(2))


def main():
    set_up()
    model = weights.load(build_projection(), adapter_specification(), PREFIX)
    cond, uncond = inputs()
    exact_model = copy.deepcopy(model).double()
    golden = Golden("projection", ["adapter"])
    golden.input("id_embeds", cond[0])
    for s_scale in S_SCALES:
        for branch, embeds in (("cond", cond), ("uncond", uncond)):
            exact = exact_model(*(value.double() for value in embeds), shortcut=True, scale=s_scale)
            tokens = model(*embeds, shortcut=True, scale=s_scale)
            golden.expect(f"{branch}.s_scale_{s_scale}", tokens, exact=exact)

    for branch, embeds in (("cond", cond), ("uncond", uncond)):
        probe = Probe(f"proj {branch}", model, BRANCHES)
        model(*embeds, shortcut=True)
        probe.report()
        suffix = f"{branch}.s_scale_1.0"
        golden.mutate("shortcut_off", suffix, model(*embeds, shortcut=False))
        golden.mutate("s_scale_0", suffix, model(*embeds, shortcut=True, scale=0.0))
        faulty = {
            "gelu_tanh": with_tanh(model),
            "no_norm_out": without_norm_out(model),
            "no_attention_residual": faulty_attention(model, without_residual),
            "norms_swapped": faulty_attention(model, norms_swapped),
            "values_before_keys": faulty_attention(model, values_first),
            "latents_not_in_keys": faulty_attention(model, image_tokens_only),
        }
        for mutation, mutated in faulty.items():
            golden.mutate(mutation, suffix, mutated(*embeds, shortcut=True))
    golden.save()


if __name__ == "__main__":
    main()
