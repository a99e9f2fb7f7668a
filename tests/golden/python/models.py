"""The tiny UNet in SD 1.5's layout and the synthetic adapter: weights by rule, processors by the reference's own code.

Source: diffusers `UNet2DConditionModel`; IP-Adapter `ip_adapter_faceid.py` (`IPAdapterFaceIDPlus.set_ip_adapter`,
`load_ip_adapter`), whose files hold `image_proj` and `ip_adapter`, here as the prefixes of the safetensors variant.
"""

import json
from types import SimpleNamespace

import torch
from diffusers import UNet2DConditionModel

import weights
from common import write_json
from reference import IPAdapterFaceIDPlus, ProjPlusModel
from weights import around, gain

LORA_RANK, IMAGE_TOKENS, TEXT_TOKENS, CONTEXT = 4, 4, 77, 128

UNET_RULES = [
    (r"norm.*weight$", around(1.0, 0.2)),
    (r"^conv_in\.bias$", around(0.0, 0.04)),
    (r"\.bias$", around(0.0, 0.1)),
    (r"time_embedding\.linear_\d\.weight$", gain(1.6)),
    (r"time_emb_proj\.weight$", gain(1.0)),
    (r"conv1\.weight$", gain(1.4)),
    (r"conv2\.weight$", gain(1.0)),
    (r"conv_shortcut\.weight$", gain(0.8)),
    (r"attn\d\.to_(q|k)\.weight$", gain(0.9)),
    (r"attn1\.to_v\.weight$", gain(1.5)),
    (r"attn2\.to_v\.weight$", gain(1.6)),
    (r"attn\d\.to_out\.0\.weight$", gain(1.0)),
    (r"ff\.net\.0\.proj\.weight$", gain(1.6)),
    (r"ff\.net\.2\.weight$", gain(1.1)),
    (r"proj_out\.weight$", gain(0.45)),
    (r"^conv_out\.weight$", gain(1.0)),
    (r"\.weight$", gain(1.0)),
]
ADAPTER_RULES = [
    (r"norm.*weight$|layers\.\d\.1\.0\.weight$", around(1.0, 0.2)),
    (r"image_proj\.proj\.0\.weight$", gain(35.0)),
    (r"image_proj\.proj\.0\.bias$", around(0.0, 1.0)),
    (r"\.bias$", around(0.0, 0.1)),
    (r"image_proj\.proj\.2\.weight$", gain(1.2)),
    (r"to_(q|kv)\.weight$", gain(1.2)),
    (r"to_out\.weight$", gain(2.2)),
    (r"layers\.\d\.1\.1\.weight$", gain(1.8)),
    (r"layers\.\d\.1\.3\.weight$", gain(0.8)),
    (r"perceiver_resampler\.proj_(in|out)\.weight$", gain(1.0)),
    (r"lora\.down\.weight$", gain(1.0)),
    (r"lora\.up\.weight$", gain(0.6)),
    (r"to_k_ip\.weight$", gain(1.2)),
    (r"to_v_ip\.weight$", gain(1.0)),
]


def build_unet():
    """The tiny UNet with its synthetic weights; writes config and weight specification."""
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 64, 64, 64),
        layers_per_block=2,
        cross_attention_dim=CONTEXT,
        attention_head_dim=2,  # SD 1.5's name for the number of heads
        norm_num_groups=8,
    )
    specification = weights.specify(weights.shapes(unet), UNET_RULES)
    weights.write("unet.weights", specification)
    write_json("unet.config.json", json.loads(unet.to_json_string()))
    return weights.load(unet, specification)


def build_projection():
    """The image projection without weights."""
    return ProjPlusModel(
        cross_attention_dim=CONTEXT, id_embeddings_dim=512, clip_embeddings_dim=128, num_tokens=IMAGE_TOKENS
    )


def attention_names():
    """The attention of each number N in `ip_adapter.N.*`: self and cross attention in turn, the mid block last."""
    transformers = [f"down_blocks.{block}.attentions.{layer}" for block in (0, 1, 2) for layer in (0, 1)]
    transformers += [f"up_blocks.{block}.attentions.{layer}" for block in (1, 2, 3) for layer in (0, 1, 2)]
    transformers += ["mid_block.attentions.0"]
    return [f"{name}.transformer_blocks.0.{attn}.processor" for name in transformers for attn in ("attn1", "attn2")]


def install_processors(unet):
    """Put the reference's attention processors into the UNet; returns them in the adapter file's order."""
    adapter = IPAdapterFaceIDPlus.__new__(IPAdapterFaceIDPlus)
    adapter.pipe, adapter.device, adapter.torch_dtype = SimpleNamespace(unet=unet), "cpu", torch.float32
    adapter.lora_rank, adapter.num_tokens = LORA_RANK, IMAGE_TOKENS
    adapter.set_ip_adapter()
    assert list(unet.attn_processors) == attention_names()
    return torch.nn.ModuleList(unet.attn_processors.values())


def adapter_specification():
    """Weight specification of the whole adapter; writes it."""
    processors = install_processors(build_unet())
    shapes = weights.shapes(build_projection(), "image_proj.") | weights.shapes(processors, "ip_adapter.")
    specification = weights.specify(shapes, ADAPTER_RULES)
    weights.write("adapter.weights", specification)
    return specification


def build_adapted_unet():
    """The tiny UNet with the adapter's processors and weights."""
    specification = adapter_specification()
    unet = build_unet()
    weights.load(install_processors(unet), specification, "ip_adapter.")
    return unet


def set_scale(unet, scale):
    """The adapter's weight in every cross attention, as the reference sets it."""
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = scale
