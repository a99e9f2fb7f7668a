"""Trains the decoder on, on latents that stay as they are: it may run beside the training of the UNet."""

import argparse
import math
import os
import time

import numpy as np
import torch

from portraits.files import append, save, shards
from portraits.muon import Trainer, cosine
from portraits.vae import make_vae, reconstruction_loss
from train_vae import crops

NOISE = 0.15  # at most, on the latents: those of the UNet are not exact


def plan(step):
    """Mostly crops; every sixth step a whole picture, for the attention in the middle."""
    return (1, 256, step % 12 == 0) if step % 6 == 0 else (4, 128, step % 3 == 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--vae", required=True, help="the whitened autoencoder")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng, pictures, vae = np.random.default_rng(1), shards(args.data), make_vae()
    vae.load_state_dict(torch.load(args.vae))
    encoder = make_vae()
    encoder.load_state_dict(vae.state_dict())
    encoder.bfloat16()
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    trainer = Trainer(vae, 1e-3, 0.01)
    if os.path.exists(args.out + ".full"):
        trainer.resume(torch.load(args.out + ".full", weights_only=False))
    errors, began = [], time.process_time()
    while trainer.steps < args.steps:
        x = crops(pictures, rng, *plan(trainer.steps))
        with torch.no_grad():
            z = encoder.encode(x.bfloat16()).latent_dist.mean.float()
        z = z + NOISE * torch.rand(len(z), 1, 1, 1) * torch.randn_like(z) / 0.18215
        y = vae.decode(z.bfloat16()).sample.float()
        reconstruction_loss(y, x).backward()
        trainer.step(cosine(trainer.steps, args.steps, 30, 0.02))
        errors.append(((y.detach() - x) ** 2).mean().item())
        if trainer.steps % 100 == 0:
            append(
                args.out + ".log",
                step=trainer.steps,
                cpu=time.process_time() - began,
                psnr=10 * math.log10(4 / np.mean(errors)),
            )
            errors = []
        if trainer.steps % 200 == 0 or trainer.steps == args.steps:
            save(trainer.averaged(), args.out + ".pt")
            save(trainer.state(), args.out + ".full")


if __name__ == "__main__":
    main()
