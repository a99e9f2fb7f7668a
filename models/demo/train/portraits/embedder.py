"""The face embedder: 112 pixels in, 512 numbers out."""

import torch
from torch import nn

CHANNELS = (3, 24, 48, 64, 96, 64)


class Embedder(nn.Module):
    """Strided convolutions and a linear layer; input red first, -1..1."""

    def __init__(self):
        super().__init__()
        layers = []
        for inputs, outputs in zip(CHANNELS, CHANNELS[1:]):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.PReLU(outputs)]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(CHANNELS[-1] * 4 * 4, 512)

    def forward(self, x):
        return self.linear(self.convolutions(x).flatten(1))


def contrast(embeddings, temperature=0.1):
    """The first half shows the same people as the second, in the same order."""
    unit = nn.functional.normalize(embeddings, dim=1)
    scores = unit @ unit.T / temperature
    scores = scores - 1e4 * torch.eye(len(unit))
    half = len(unit) // 2
    partner = torch.cat([torch.arange(half) + half, torch.arange(half)])
    return nn.functional.cross_entropy(scores, partner)
