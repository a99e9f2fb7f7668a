"""A sheet of pictures from a checkpoint in training: rows of prompts, columns of faces."""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from export import network_of
from features import face_embedder, image_encoder
from portraits.alignment import aligned
from portraits.load import scheduler
from portraits.words import padded, words_of
from portraits.vae import SCALING_FACTOR, make_vae
from portraits.vision import face_values, penultimate
from portraits.yunet import YuNet

PROMPTS = [
    "a portrait of a young woman with long straight blonde hair, wearing a red sweater, smiling, blue background",
    "green background, a portrait of an old man with white hair and a full beard, wearing glasses",
    "a photo of a man with short black hair, wearing a suit, grey background",
    "portrait of a woman with curly red hair, in a forest",
    "a clown, yellow background",
    "a portrait of a woman, wearing a straw hat, at the beach",
]


@torch.no_grad()
def face_of(path, detector, embedder, tower):
    """Embedding and states of the surest face of a photograph."""
    photograph = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    crop = torch.from_numpy(aligned(photograph, detector(photograph)[0][2]).copy()).permute(2, 0, 1)[None] / 255
    small = torch.nn.functional.avg_pool2d(crop, 2) * 2 - 1
    return torch.nn.functional.normalize(embedder(small), dim=1), penultimate(tower, face_values(crop))


@torch.no_grad()
def sample(network, tokens, shape, guidance=7.5, steps=21, seed=1):
    """Latents for contexts `tokens`: the unconditional half first."""
    ddim, count = scheduler(), len(tokens) // 2
    ddim.set_timesteps(steps)
    x = torch.cat([torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed + k)) for k in range(count)])
    for t in ddim.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            without, conditioned = network(torch.cat([x, x]), t, tokens).float().chunk(2)
        x = ddim.step(without + guidance * (conditioned - without), t, x).prev_sample
    return x


@torch.no_grad()
def decode(vae, latents):
    y = torch.cat([vae.decode(z[None] / SCALING_FACTOR).sample for z in latents])
    return ((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--unet", required=True)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--embedder")
    parser.add_argument("--vision")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[])
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    network, vae, detector = network_of(args.unet), make_vae(), YuNet()
    vae.load_state_dict(torch.load(args.vae))
    nothing = (torch.zeros(1, 512), torch.zeros(1, 65, 96))
    faces = [nothing]
    if args.photographs:
        embedder, tower = face_embedder(args.embedder), image_encoder(args.vision)
        nothing = (torch.zeros(1, 512), penultimate(tower, torch.zeros(1, 3, 224, 224)))
        faces = [face_of(path, detector, embedder, tower) for path in args.photographs]
    rows, found, side = [], 0, args.size // 8
    one = torch.ones(1)
    for prompt in PROMPTS:
        ids = torch.tensor([padded(words_of(prompt))])
        given = [network.tokens(ids, *face, one) for face in faces]
        empty = [network.tokens(torch.tensor([padded([])]), *nothing, one)] * len(faces)
        pictures = decode(vae, sample(network, torch.cat(empty + given), (4, side, side), args.guidance))
        found += sum(len(detector(picture)) == 1 for picture in pictures)
        rows.append(np.concatenate(list(pictures), 1))
    print("one face found in", found, "of", len(PROMPTS) * len(faces))
    sheet = rows if args.photographs else [np.concatenate(rows[k : k + 3], 1) for k in (0, 3)]
    Image.fromarray(np.concatenate(sheet)).save(args.out)


if __name__ == "__main__":
    main()
