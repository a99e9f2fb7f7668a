"""The UNet in Stable Diffusion 1.5's block layout, and the attention that FaceID-PlusV2 puts into it."""

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from torch import nn

from .text import WIDTH

IMAGE_TOKENS, LORA_RANK = 4, 4
# On a CPU in bf16, plain matrix products are faster than the fused attention up to this many tokens.
PLAIN_TOKENS = 2048


def make_unet(fine):
    """`fine` adds the level of 64x64 latents in front of the four that 32x32 latents are learnt with."""
    # No attention at the finest levels, whose 4,096 tokens would take most of the time.
    down = ["DownBlock2D"] * (1 + fine) + ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48,) * (1 + fine) + (96, 128, 128),
        layers_per_block=1,
        down_block_types=down,
        up_block_types=[name.replace("Down", "Up") for name in reversed(down)],
        cross_attention_dim=WIDTH,
        attention_head_dim=[1] * (1 + fine) + [3, 4, 4],
        norm_num_groups=8,
    )
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
    return unet


def attend(q, k, v):
    """Attention over [batch, heads, tokens, width]."""
    if q.is_cuda or q.shape[2] > PLAIN_TOKENS:
        return F.scaled_dot_product_attention(q, k, v)
    batch, heads, _, width = q.shape
    q, k, v = (t.reshape(batch * heads, -1, width) for t in (q, k, v))
    scores = torch.bmm(q * width**-0.5, k.transpose(1, 2)).softmax(-1)
    return torch.bmm(scores, v).view(batch, heads, -1, width)


class LowRank(nn.Module):
    """The LoRA of one linear layer, under IP-Adapter's names."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.down = nn.Linear(inputs, LORA_RANK, bias=False)
        self.up = nn.Linear(LORA_RANK, outputs, bias=False)
        nn.init.normal_(self.down.weight, std=1 / LORA_RANK)
        nn.init.zeros_(self.up.weight)

    def onto(self, linear):
        return linear.weight + self.up.weight @ self.down.weight


class FaceAttention(nn.Module):
    """The processor of one attention: its LoRA, and keys and values of the image tokens if it is a cross attention."""

    def __init__(self, attention, cross):
        super().__init__()
        width, context = attention.to_q.out_features, attention.to_k.in_features
        self.to_q_lora, self.to_out_lora = LowRank(width, width), LowRank(width, width)
        self.to_k_lora, self.to_v_lora = LowRank(context, width), LowRank(context, width)
        if cross:
            self.to_k_ip = nn.Linear(WIDTH, width, bias=False)
            self.to_v_ip = nn.Linear(WIDTH, width, bias=False)
        self.scale, self.lora = 1.0, True

    def project(self, low_rank, linear, x):
        return F.linear(x, low_rank.onto(linear) if self.lora else linear.weight, linear.bias)

    def __call__(self, attention, hidden_states, encoder_hidden_states=None, **_):
        batch, _, width = hidden_states.shape
        heads = lambda t: t.view(batch, -1, attention.heads, width // attention.heads).transpose(1, 2)
        context, image = hidden_states, None
        if encoder_hidden_states is not None:
            context, image = encoder_hidden_states[:, :-IMAGE_TOKENS], encoder_hidden_states[:, -IMAGE_TOKENS:]
        q = heads(self.project(self.to_q_lora, attention.to_q, hidden_states))
        k = heads(self.project(self.to_k_lora, attention.to_k, context))
        v = heads(self.project(self.to_v_lora, attention.to_v, context))
        out = attend(q, k, v)
        if image is not None and self.scale:
            out = out + self.scale * attend(q, heads(self.to_k_ip(image)), heads(self.to_v_ip(image)))
        out = out.transpose(1, 2).reshape(batch, -1, width)
        return self.project(self.to_out_lora, attention.to_out[0], out)


def install_adapter(unet):
    """Puts the processors in; they come in the order of the adapter file's numbers."""
    processors = {}
    for name in unet.attn_processors:
        attention = unet.get_submodule(name.rsplit(".", 1)[0])
        processors[name] = FaceAttention(attention, "attn2" in name)
    unet.set_attn_processor(processors)
    return nn.ModuleList(unet.attn_processors.values())
