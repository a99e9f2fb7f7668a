"""What embedder and image encoder say of every drawn face, once plain and several times augmented."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from portraits.augment import augmented
from portraits.embedder import Embedder
from portraits.vision import STATES_WIDTH, TOKENS, face_values, make_image_encoder, penultimate

BATCH = 50


def image_encoder(path):
    state = torch.load(path, weights_only=False)
    tower = make_image_encoder()
    tower.load_state_dict({k.removeprefix("tower."): v for k, v in state.items() if k.startswith("tower.")})
    return tower.eval()


def face_embedder(path):
    embedder = Embedder()
    embedder.load_state_dict(torch.load(path, weights_only=False))
    return embedder.eval()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--embedder", required=True)
    parser.add_argument("--vision", required=True)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--count", type=int, default=10**6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng, crops = np.random.default_rng(9), np.load(f"{args.data}/crops.npy", mmap_mode="r")
    embedder, tower, count = face_embedder(args.embedder), image_encoder(args.vision), min(args.count, len(crops))
    identity = np.empty((args.views, count, 512), np.float16)
    states = np.empty((args.views, count, TOKENS, STATES_WIDTH), np.float16)
    for view in range(args.views):
        for k in range(0, count, BATCH):
            x = torch.from_numpy(crops[k : min(k + BATCH, count)]).permute(0, 3, 1, 2).float() / 255
            x = augmented(x, rng, move=False, light=False) if view else x
            small = F.avg_pool2d(x, 2) * 2 - 1
            identity[view, k : k + BATCH] = F.normalize(embedder(small), dim=1)
            states[view, k : k + BATCH] = penultimate(tower, face_values(x))
        print("view", view, flush=True)
    np.save(f"{args.data}/faces.identity.npy", identity)
    np.save(f"{args.data}/faces.states.npy", states)
    np.save(f"{args.data}/faces.black.npy", penultimate(tower, torch.zeros(1, 3, 224, 224))[0].numpy())


if __name__ == "__main__":
    main()
