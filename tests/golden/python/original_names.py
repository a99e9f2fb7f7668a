"""The names of the original Stable Diffusion for diffusers' own: the inverse of `loaders/single_file_utils.py`."""


def replace_all(name, pairs):
    """Every pair in turn."""
    for new, old in pairs:
        name = name.replace(new, old)
    return name


RESNET = [
    ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("norm2.", "out_layers.0."), ("conv2.", "out_layers.3."),
    ("time_emb_proj.", "emb_layers.1."), ("conv_shortcut.", "skip_connection."),
]  # fmt: skip
OUTER = [
    ("time_embedding.linear_1.", "time_embed.0."), ("time_embedding.linear_2.", "time_embed.2."),
    ("conv_in.", "input_blocks.0.0."), ("conv_norm_out.", "out.0."), ("conv_out.", "out.2."),
]  # fmt: skip


def original_unet_name(name):
    """The original name of a UNet's tensor, for two layers a block."""
    parts = name.split(".")
    if parts[0] == "mid_block":
        if parts[1] == "attentions":
            return ".".join(["middle_block.1", *parts[3:]])
        return f"middle_block.{2 * int(parts[2])}." + replace_all(".".join(parts[3:]), RESNET)
    if parts[0] not in ("down_blocks", "up_blocks"):
        return replace_all(name, OUTER)
    block, kind, layer, rest = int(parts[1]), parts[2], int(parts[3]), ".".join(parts[4:])
    half, first = ("input_blocks", 1) if parts[0] == "down_blocks" else ("output_blocks", 0)
    if kind == "downsamplers":
        return f"input_blocks.{3 * block + 3}.0.{rest.replace('conv.', 'op.')}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * block + 2}.{1 if block == 0 else 2}.{rest}"
    number = 3 * block + layer + first
    return f"{half}.{number}.0.{replace_all(rest, RESNET)}" if kind == "resnets" else f"{half}.{number}.1.{rest}"


VAE = [
    ("mid_block.resnets.0.", "mid.block_1."), ("mid_block.resnets.1.", "mid.block_2."),
    ("mid_block.attentions.0.", "mid.attn_1."), ("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."),
    ("to_v.", "v."), ("to_out.0.", "proj_out."), ("conv_shortcut.", "nin_shortcut."), ("conv_norm_out.", "norm_out."),
    (".resnets.", ".block."), (".downsamplers.0.", ".downsample."), (".upsamplers.0.", ".upsample."),
    ("down_blocks.", "down."),
]  # fmt: skip


def original_vae(values, levels=3):
    """Original names; matrices of the attention are convolutions of one pixel there."""
    original = {}
    for name, tensor in values.items():
        if ".attentions.0.to_" in name and name.endswith(".weight"):
            tensor = tensor[:, :, None, None]
        for level in range(levels):
            name = name.replace(f"up_blocks.{level}.", f"up.{levels - 1 - level}_.")
        original[replace_all(name, VAE).replace("_.", ".")] = tensor
    return original
