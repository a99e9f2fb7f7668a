"""CLIP vision encoders: the adapter's (erf GELU, hidden states) and the safety checker's (quick GELU, image embeds).

Source: transformers `CLIPVisionModelWithProjection` and `CLIPImageProcessor`. `input.image` is u8 `[height, width, 3]`
in the order of channels that enters the network (the reference feeds blue first); the pixel values are
`(f32(u8 / 255) - mean) / std`, and zeros *after* that for the unconditional branch.
"""

import copy
import json

import cv2
import numpy
import torch
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.activations import ACT2FN

import weights
from common import Golden, set_up, write_json
from face import bgr_crop
from probe import Probe
from weights import around, gain

RULES = [
    (r"norm.*weight$", around(1.0, 0.2)),
    (r"\.bias$", around(0.0, 0.15)),
    (r"(position|class)_embedding", around(0.0, 1.0)),
    (r"patch_embedding", gain(0.6)),
    (r"(q|k)_proj\.weight$", gain(1.3)),
    (r"v_proj\.weight$", gain(1.2)),
    (r"out_proj\.weight$", gain(1.2)),
    (r"fc1\.weight$", gain(1.6)),
    (r"fc2\.weight$", gain(0.8)),
    (r"visual_projection\.weight$", gain(1.0)),
]
BRANCHES = ["patch_embedding$", "pre_layrnorm$", "self_attn$", "fc1$", "mlp$", r"layers\.\d+$"]
MEAN = numpy.float32([0.48145466, 0.4578275, 0.40821073])
STD = numpy.float32([0.26862954, 0.26130258, 0.27577711])


def build(name, **config):
    """A tiny encoder with its synthetic weights; writes config and weight specification."""
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(num_attention_heads=4, patch_size=14, **config))
    specification = weights.specify(weights.shapes(model), RULES)
    weights.write(f"{name}.weights", specification)
    write_json(f"{name}.config.json", json.loads(model.config.to_json_string()))
    return weights.load(model, specification)


def build_adapter_encoder():
    """The stand-in for the adapter's CLIP-H, hidden size 128."""
    return build(
        "clip_vision", hidden_size=128, num_hidden_layers=4, intermediate_size=256, image_size=224,
        hidden_act="gelu", projection_dim=64,
    )  # fmt: skip


def build_checker_encoder():
    """The stand-in for the safety checker's CLIP-L, with small pictures."""
    return build(
        "clip_vision_quick", hidden_size=64, num_hidden_layers=2, intermediate_size=128, image_size=56,
        hidden_act="quick_gelu", projection_dim=32,
    )  # fmt: skip


def pixel_values(image):
    """`[1, 3, height, width]` of a u8 picture that already has the right size."""
    rescaled = (image.astype(numpy.float64) / 255).astype(numpy.float32)
    return torch.from_numpy(((rescaled - MEAN) / STD).transpose(2, 0, 1)[None].copy())


def hidden_states(model, pixels):
    """All hidden states: after `pre_layrnorm`, then after each layer."""
    states = model(pixels, output_hidden_states=True).hidden_states
    assert len(states) == model.config.num_hidden_layers + 1
    return states


def with_activation(model, activation):
    """The same weights with another activation."""
    model = copy.deepcopy(model)
    for layer in model.vision_model.encoder.layers:
        layer.mlp.activation_fn = activation
    return model


def without_norm(model, name):
    """The same weights with one norm of the vision model left out."""
    model = copy.deepcopy(model)
    setattr(model.vision_model, name, torch.nn.Identity())
    return model


def adapter_golden():
    """Hidden states of the aligned face and of the unconditional branch."""
    image = bgr_crop()
    pixels = pixel_values(image)
    reference = CLIPImageProcessor()(images=image, return_tensors="pt").pixel_values
    assert (pixels - reference).abs().max() < 3e-7, "the formula is the processor's, up to rounding"
    model = build_adapter_encoder()
    exact_model = copy.deepcopy(model).double()
    zeros = torch.zeros_like(pixels)

    probe = Probe("clip_vision", model, BRANCHES)
    states = hidden_states(model, pixels)
    probe.report()
    golden = Golden("clip_vision", ["clip_vision"])
    golden.input("image", torch.from_numpy(image))
    for index, exact in enumerate(hidden_states(exact_model, pixels.double())):
        golden.expect(f"hidden_states.{index}", states[index][0], exact=exact[0])
    exact = hidden_states(exact_model, zeros.double())[-2][0]
    golden.expect("zeros.hidden_states.3", hidden_states(model, zeros)[-2][0], exact=exact)

    mutated = {
        "quick_gelu": (with_activation(model, ACT2FN["quick_gelu"]), pixels),
        "gelu_tanh": (with_activation(model, torch.nn.GELU(approximate="tanh")), pixels),
        "no_pre_layrnorm": (without_norm(model, "pre_layrnorm"), pixels),
        "channels_swapped": (model, pixel_values(image[:, :, ::-1])),
    }
    for mutation, (faulty, faulty_pixels) in mutated.items():
        golden.mutate(mutation, "hidden_states.3", hidden_states(faulty, faulty_pixels)[-2][0])
    golden.mutate("last_hidden_state", "hidden_states.3", states[-1][0])
    black = pixel_values(numpy.zeros_like(image))
    golden.mutate("black_image", "zeros.hidden_states.3", hidden_states(model, black)[-2][0])
    golden.save()


def checker_golden():
    """Projected pooled state of a small picture, red first as the safety checker sees it."""
    image = cv2.resize(bgr_crop()[:, :, ::-1], (56, 56), interpolation=cv2.INTER_AREA)
    pixels = pixel_values(image)
    model = build_checker_encoder()
    probe = Probe("clip_quick", model, [*BRANCHES, "visual_projection$"])
    image_embeds = model(pixels).image_embeds
    probe.report()

    golden = Golden("clip_vision_quick", ["clip_vision_quick"])
    golden.input("image", torch.from_numpy(image))
    golden.expect("image_embeds", image_embeds, exact=copy.deepcopy(model).double()(pixels.double()).image_embeds)
    golden.mutate("gelu_erf", "image_embeds", with_activation(model, torch.nn.GELU())(pixels).image_embeds)
    golden.mutate("no_post_layernorm", "image_embeds", without_norm(model, "post_layernorm")(pixels).image_embeds)
    pooled = hidden_states(model, pixels)[-1].mean(dim=1)
    mean_pooled = model.visual_projection(model.vision_model.post_layernorm(pooled))
    golden.mutate("mean_instead_of_class_token", "image_embeds", mean_pooled)
    golden.save()


def main():
    set_up()
    adapter_golden()
    checker_golden()


if __name__ == "__main__":
    main()
