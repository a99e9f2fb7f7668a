"""The sizes of Stable Diffusion 1.5 with IP-Adapter-FaceID-PlusV2, and small ones in the same layouts."""

FULL = {
    "unet": {
        "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
        "cross_attention_dim": 768, "attention_head_dim": 8, "norm_num_groups": 32,
    },
    "vae": {
        "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
        "norm_num_groups": 32, "sample_size": 512,
    },
    "text_encoder": {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "hidden_act": "quick_gelu", "bos_token_id": 49406, "eos_token_id": 49407,
    },
    "image_encoder": {
        "hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120,
        "patch_size": 14, "image_size": 224, "hidden_act": "gelu", "projection_dim": 1024,
    },
    "safety_checker": {
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
        "patch_size": 14, "image_size": 224, "hidden_act": "quick_gelu", "projection_dim": 768,
    },
    "adapter": {"id_embedding_dim": 512, "num_tokens": 4, "lora_rank": 128},
}  # fmt: skip

TINY = {
    "unet": {**FULL["unet"], "block_out_channels": (32, 64, 64, 64), "cross_attention_dim": 128,
             "attention_head_dim": 2, "norm_num_groups": 8},
    "vae": {**FULL["vae"], "block_out_channels": (16, 32, 32, 32), "norm_num_groups": 8},
    "text_encoder": {**FULL["text_encoder"], "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
                     "intermediate_size": 256},
    "image_encoder": {**FULL["image_encoder"], "hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 2,
                      "intermediate_size": 192, "projection_dim": 64},
    "safety_checker": {**FULL["safety_checker"], "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
                       "intermediate_size": 192, "projection_dim": 64},
    "adapter": {**FULL["adapter"], "lora_rank": 4},
}  # fmt: skip

# What every VAE of Stable Diffusion 1.5 has.
VAE_BLOCKS = {
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.18215,
}  # fmt: skip


def attention_names(unet):
    """The attention of each number N in an adapter's `ip_adapter.N.*`, with its channels; the mid block comes last."""
    channels = unet["block_out_channels"]
    layers = unet["layers_per_block"]
    blocks = [
        (f"down_blocks.{level}.attentions.{layer}", channels[level]) for level in (0, 1, 2) for layer in range(layers)
    ]
    blocks += [
        (f"up_blocks.{block}.attentions.{layer}", channels[3 - block])
        for block in (1, 2, 3)
        for layer in range(layers + 1)
    ]
    blocks += [("mid_block.attentions.0", channels[3])]
    return [
        (f"{name}.transformer_blocks.0.{attention}", width) for name, width in blocks for attention in ("attn1", "attn2")
    ]


def adapter_shapes(sizes):
    """`{name: shape}` of an IP-Adapter-FaceID-PlusV2 for those sizes."""
    width, clip = sizes["unet"]["cross_attention_dim"], sizes["image_encoder"]["hidden_size"]
    identity, tokens, rank = (sizes["adapter"][key] for key in ("id_embedding_dim", "num_tokens", "lora_rank"))
    shapes = {
        "proj.0.weight": (2 * identity, identity), "proj.0.bias": (2 * identity,),
        "proj.2.weight": (width * tokens, 2 * identity), "proj.2.bias": (width * tokens,),
        "norm.weight": (width,), "norm.bias": (width,),
    }  # fmt: skip
    shapes |= {f"perceiver_resampler.{name}": shape for name, shape in resampler_shapes(width, clip).items()}
    shapes = {f"image_proj.{name}": shape for name, shape in shapes.items()}
    for number, (name, channels) in enumerate(attention_names(sizes["unet"])):
        context = channels if name.endswith("attn1") else width
        inputs = {"q": channels, "k": context, "v": context, "out": channels}
        for part, fan_in in inputs.items():
            shapes[f"ip_adapter.{number}.to_{part}_lora.down.weight"] = (rank, fan_in)
            shapes[f"ip_adapter.{number}.to_{part}_lora.up.weight"] = (channels, rank)
        if name.endswith("attn2"):
            shapes[f"ip_adapter.{number}.to_k_ip.weight"] = (channels, width)
            shapes[f"ip_adapter.{number}.to_v_ip.weight"] = (channels, width)
    return shapes


def resampler_shapes(width, clip, depth=4):
    """The perceiver that reads the hidden states of the image encoder."""
    shapes = {"proj_in.weight": (width, clip), "proj_in.bias": (width,)}
    shapes |= {"proj_out.weight": (width, width), "proj_out.bias": (width,)}
    shapes |= {"norm_out.weight": (width,), "norm_out.bias": (width,)}
    layer = {
        "0.norm1.weight": (width,), "0.norm1.bias": (width,), "0.norm2.weight": (width,), "0.norm2.bias": (width,),
        "0.to_q.weight": (width, width), "0.to_kv.weight": (2 * width, width), "0.to_out.weight": (width, width),
        "1.0.weight": (width,), "1.0.bias": (width,), "1.1.weight": (4 * width, width),
        "1.3.weight": (width, 4 * width),
    }  # fmt: skip
    return shapes | {f"layers.{index}.{name}": shape for index in range(depth) for name, shape in layer.items()}
