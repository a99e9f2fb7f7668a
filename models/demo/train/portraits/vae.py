"""The autoencoder: its shape, its loss, and the whitening of its latents."""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

SCALING_FACTOR = 0.18215


def make_vae():
    # One norm group: on 16 channels, more groups throw the mean colours away.
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(16, 32, 64, 64),
        layers_per_block=1,
        norm_num_groups=1,
        sample_size=512,
        scaling_factor=SCALING_FACTOR,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
    )


def quiet_posterior(vae):
    """Lets the posterior start with little noise, which else drowns the first steps."""
    with torch.no_grad():
        vae.quant_conv.bias[4:] -= 5
        vae.quant_conv.weight[4:] *= 0.1


def _differences(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(y, x):
    """L1 and gradient differences on several scales, and colour counted once more."""
    loss, edges, a, b = (y - x).abs().mean(), 0.0, y, x
    for scale in range(4):
        edges = edges + sum((p - q).abs().mean() for p, q in zip(_differences(a), _differences(b)))
        if scale < 3:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            loss = loss + 0.5 * (a - b).abs().mean()
    d = y - x
    colour = torch.cat([d[:, :1] - d[:, 1:2], d[:, 2:] - 0.5 * (d[:, :1] + d[:, 1:2])], 1)
    for width in (1, 4, 8):
        loss = loss + 0.8 * F.avg_pool2d(colour, width).abs().mean()
    return loss + 0.5 * edges


@torch.no_grad()
def whiten(vae, pictures):
    """Folds a whitening into the convolutions round the latents: the network's function stays, and
    its latents get mean 0 and a unit covariance at the scaling factor."""
    latents = torch.cat([vae.encode(batch).latent_dist.mean for batch in pictures.split(8)])
    values = latents.permute(1, 0, 2, 3).flatten(1)
    mean, (eigenvalues, vectors) = values.mean(1), torch.linalg.eigh(torch.cov(values))
    forward = vectors @ torch.diag(eigenvalues.rsqrt()) @ vectors.T / SCALING_FACTOR
    encode, decode = vae.quant_conv, vae.post_quant_conv
    weight, bias = encode.weight[:, :, 0, 0].clone(), encode.bias.clone()
    encode.weight[:4, :, 0, 0] = forward @ weight[:4]
    encode.bias[:4] = forward @ (bias[:4] - mean)
    encode.bias[4:] += 2 * torch.log(torch.diag(forward).abs())
    weight, bias = decode.weight[:, :, 0, 0].clone(), decode.bias.clone()
    decode.weight[:, :, 0, 0] = weight @ torch.linalg.inv(forward)
    decode.bias[:] = bias + weight @ mean
