"""All that is trained together: text encoder, UNet with its adapter, and projection."""

import torch
from torch import nn

from .projection import Projection
from .text import make_text_encoder
from .unet import install_adapter, make_unet


class Network(nn.Module):
    def __init__(self, known, states_width, fine=True):
        super().__init__()
        self.text, self.unet = make_text_encoder(known), make_unet(fine)
        install_adapter(self.unet)
        self.projection = Projection(states_width)

    def tokens(self, ids, identity, states, s_scale):
        """The UNet's context: text tokens, then image tokens."""
        text = self.text(ids).last_hidden_state
        image = self.projection(identity.to(text.dtype), states.to(text.dtype), s_scale)
        return torch.cat([text, image], 1)

    def forward(self, latents, timesteps, context):
        return self.unet(latents, timesteps, context).sample
