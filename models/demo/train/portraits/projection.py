"""FaceID-PlusV2's image projection, under IP-Adapter's names."""

import torch
from torch import nn

from .text import WIDTH
from .unet import IMAGE_TOKENS, attend

ID_WIDTH, HEAD, DEPTH = 512, 64, 4
HEADS = WIDTH // HEAD


class PerceiverAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.to_q = nn.Linear(WIDTH, HEAD * HEADS, bias=False)
        self.to_kv = nn.Linear(WIDTH, 2 * HEAD * HEADS, bias=False)
        self.to_out = nn.Linear(HEAD * HEADS, WIDTH, bias=False)

    def forward(self, x, latents):
        x, latents = self.norm1(x), self.norm2(latents)
        heads = lambda t: t.view(len(t), -1, HEADS, HEAD).transpose(1, 2)
        k, v = self.to_kv(torch.cat([x, latents], 1)).chunk(2, -1)
        out = attend(heads(self.to_q(latents)), heads(k), heads(v))
        return self.to_out(out.transpose(1, 2).flatten(2))


def feed_forward():
    return nn.Sequential(
        nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH, bias=False)
    )


class FacePerceiverResampler(nn.Module):
    """Reads the image encoder's hidden states into the identity's tokens."""

    def __init__(self, states_width):
        super().__init__()
        self.proj_in, self.proj_out = nn.Linear(states_width, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm_out = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(nn.ModuleList([PerceiverAttention(), feed_forward()]) for _ in range(DEPTH))

    def forward(self, latents, states):
        x = self.proj_in(states)
        for attention, forward in self.layers:
            latents = attention(x, latents) + latents
            latents = forward(latents) + latents
        return self.norm_out(self.proj_out(latents))


class Projection(nn.Module):
    def __init__(self, states_width):
        super().__init__()
        self.proj = nn.Sequential(
            nn.Linear(ID_WIDTH, 2 * ID_WIDTH), nn.GELU(), nn.Linear(2 * ID_WIDTH, WIDTH * IMAGE_TOKENS)
        )
        # A unit vector of 512 numbers is small: without this the first layer sees next to nothing.
        with torch.no_grad():
            self.proj[0].weight *= 20
        self.norm = nn.LayerNorm(WIDTH)
        self.perceiver_resampler = FacePerceiverResampler(states_width)

    def forward(self, identity, states, s_scale):
        tokens = self.norm(self.proj(identity).view(len(identity), IMAGE_TOKENS, WIDTH))
        return tokens + s_scale.view(-1, 1, 1).to(tokens.dtype) * self.perceiver_resampler(tokens, states)
