"""Encodes the drawn pictures, whole or reduced, to latents at the scaling factor."""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

from portraits.files import save, shards
from portraits.vae import SCALING_FACTOR, make_vae, whiten


def floats(pictures, size):
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    x = F.avg_pool2d(x, 512 // size) if size < 512 else x
    return x.contiguous(memory_format=torch.channels_last)  # nearly twice as fast


def whitened(args, pictures):
    """The whitened autoencoder; made from the trained one if it is not there."""
    vae = make_vae()
    if args.whiten:
        vae.load_state_dict(torch.load(args.vae.replace(".white.pt", ".pt")))
        whiten(vae.eval(), torch.cat([floats(shard[:48], 256) for shard in pictures[:3]]))
        save(vae.state_dict(), args.vae)
    vae.load_state_dict(torch.load(args.vae))
    return vae.eval()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--vae", required=True, help="ends in .white.pt")
    parser.add_argument("--whiten", action="store_true", help="whiten first, from the file that ends in .pt")
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, required=True, help="the width")
    parser.add_argument("--count", type=int, default=10**6)
    parser.add_argument(
        "--single", action="store_true", help="in f32 with kernels of portraits/quick.cpp, for a processor without bf16"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    pictures, began = shards(args.pictures), time.process_time()
    vae = whitened(args, pictures).to(memory_format=torch.channels_last)
    if args.single:
        from portraits.quick import quicken

        quicken(vae)
    count = min(args.count, sum(map(len, pictures)))
    side, step = args.size // 8, max(1, 128 * 128 * 16 // args.size**2)
    latents, k = np.empty((count, 4, side * pictures[0].shape[1] // 512, side), np.float16), 0
    for shard in pictures:
        for start in range(0, len(shard), step):
            x = floats(shard[start : start + step], args.size)[: count - k]
            if len(x):
                with torch.autocast("cpu", torch.bfloat16, enabled=not args.single):
                    latents[k : k + len(x)] = vae.encode(x).latent_dist.mean.float() * SCALING_FACTOR
                k += len(x)
    np.save(args.out, latents)
    sample = latents[:1000].astype(np.float32)
    print("mean", sample.mean((0, 2, 3)), "deviation", sample.std((0, 2, 3)), "cpu", time.process_time() - began)


if __name__ == "__main__":
    main()
