"""Trains the autoencoder on crops of the drawn pictures."""

import argparse
import math
import time

import numpy as np
import torch

from portraits.files import append, save, shards
from portraits.muon import Trainer, cosine
from portraits.vae import make_vae, quiet_posterior, reconstruction_loss


def crops(pictures, rng, batch, size, half):
    """Random crops as floats in -1..1; `half` takes them from pictures reduced to 256."""
    out, reach = [], size * (2 if half else 1)
    for _ in range(batch):
        shard = pictures[rng.integers(len(pictures))]
        room = 512 - reach
        y, x = np.clip(rng.normal(room / 2, max(room, 1) * 0.3, 2), 0, room).astype(int)
        crop = shard[rng.integers(len(shard)), y : y + reach, x : x + reach]
        out.append(np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop))
    x = torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float()
    x = torch.nn.functional.avg_pool2d(x, 2) if half else x
    return x / 127.5 - 1


def plan(step, total):
    """Batch, size and scale of a step: small crops first, whole pictures at the end."""
    done = step / total
    if done < 0.3:
        return 8, 64, step % 2 == 0
    if done < 0.7 or step % 4:
        return 4, 128, step % 2 == 0
    return 1, 256, True


def loss_of(vae, x):
    posterior = vae.encode(x.bfloat16()).latent_dist
    mean, log_variance = posterior.mean.float(), posterior.logvar.float().clamp(-20, 10)
    z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
    y = vae.decode(z.bfloat16()).sample.float()
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
    return reconstruction_loss(y, x) + 3e-4 * divergence, ((y.detach() - x) ** 2).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng, pictures = np.random.default_rng(0), shards(args.data)
    vae = make_vae()
    quiet_posterior(vae)
    trainer, errors, started = Trainer(vae, 2e-3, 0.02), [], time.process_time()
    while trainer.steps < args.steps:
        x = crops(pictures, rng, *plan(trainer.steps, args.steps))
        loss, error = loss_of(vae, x)
        loss.backward()
        trainer.step(cosine(trainer.steps, args.steps, 30, 0.02))
        errors.append(error)
        if trainer.steps % 100 == 0:
            psnr, errors = 10 * math.log10(4 / np.mean(errors)), []
            append(args.out + ".log", step=trainer.steps, cpu=time.process_time() - started, psnr=psnr)
        if trainer.steps % 400 == 0 or trainer.steps == args.steps:
            save(trainer.averaged(), args.out + ".pt")
        if trainer.steps % 1000 == 0:
            pictures = shards(args.data)  # drawn meanwhile


if __name__ == "__main__":
    main()
