"""Takes the chunks that `draw_chunks.py` draws, encodes them on the device, and puts them into the stocks."""

import queue
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F

from .vae import SCALING_FACTOR
from .vision import face_values, penultimate

AT_ONCE = 64  # pictures that are encoded together


class Arrivals:
    """Chunks are read by a thread of their own; `take` encodes one that has been read."""

    def __init__(self, folder, vae, embedder, tower, device):
        self.folder, self.device = folder, device
        self.vae = vae.to(device, memory_format=torch.channels_last)
        self.embedder, self.tower = embedder.to(device), tower.to(device)
        self.read, self.over = queue.Queue(4), False
        threading.Thread(target=self._reading, daemon=True).start()

    def _reading(self):
        while not self.over:
            for path in sorted(self.folder.glob("*.npz")):
                with np.load(path) as chunk:
                    self.read.put(dict(chunk))
                path.unlink()
            time.sleep(0.05)

    def enough(self):
        """No more pictures are wanted: those who draw stop."""
        self.over = True
        (self.folder / "enough").touch()

    @torch.no_grad()
    def latents(self, pictures):
        parts = []
        for part in torch.from_numpy(pictures).split(AT_ONCE):
            x = part.to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                x = x.contiguous(memory_format=torch.channels_last)
                parts.append(self.vae.encode(x).latent_dist.mean.float() * SCALING_FACTOR)
        return torch.cat(parts).half()

    @torch.no_grad()
    def features(self, faces):
        """Identity and states of faces [views, n, h, w, 3], picture first."""
        views, count = faces.shape[:2]
        x = torch.from_numpy(faces).flatten(0, 1).to(self.device).permute(0, 3, 1, 2).float() / 255
        identity = F.normalize(self.embedder(F.avg_pool2d(x, 2) * 2 - 1), dim=1)
        states = penultimate(self.tower, face_values(x))
        first = lambda y: y.unflatten(0, (views, count)).transpose(0, 1).half()
        return first(identity), first(states)

    def take(self, stocks, wait=False):
        """Encodes the next chunk for the stock of its height if one has been read; says how many pictures came."""
        try:
            chunk = self.read.get(timeout=30) if wait else self.read.get_nowait()
        except queue.Empty:
            return 0
        stock = stocks[chunk["pictures"].shape[1]]
        if stock.room() < len(chunk["pictures"]):
            return 0
        stock.add(
            self.latents(chunk["pictures"]),
            torch.from_numpy(chunk["ids"]),
            *self.features(chunk["faces"]),
            clown=chunk["clown"],
            hat=chunk["hat"],
        )
        return len(chunk["pictures"])
