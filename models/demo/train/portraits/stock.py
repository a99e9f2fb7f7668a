"""Pictures for training that lie on the device and grow in number: a batch is chosen and put together there."""

import torch

from .words import padded

# Shares of a batch: neither prompt nor face, as the unconditional row has it; a face alone; a prompt alone.
NOTHING, WORDLESS, FACELESS = 0.07, 0.11, 0.84


class Stock:
    """Room for `capacity` pictures of one size: latents, captions, and what embedder and vision tower say of the faces.
    Two pictures in a row show one person. Nothing here waits for the device, so that a CUDA graph can hold `draw`."""

    def __init__(self, capacity, latents, captions, views, black, clowns, hats):
        new = lambda *shape, dtype=torch.float16: torch.zeros(capacity, *shape, dtype=dtype, device=black.device)
        self.latents, self.ids = new(*latents), new(captions, len(padded([])), dtype=torch.int32)
        self.identity, self.states, self.black = new(views, 512), new(views, *black.shape), black
        self.chosen = {name: (share, new(dtype=torch.int64)) for name, share in (("clown", clowns), ("hat", hats))}
        self.count = {name: torch.zeros((), dtype=torch.int64, device=black.device) for name in ("all", *self.chosen)}
        self.empty = torch.tensor(padded([]), dtype=torch.int32, device=black.device)
        self.size, self.sizes = 0, dict.fromkeys(self.chosen, 0)

    def room(self):
        return len(self.latents) - self.size

    def add(self, latents, ids, identity, states, **chosen):
        """Takes more pictures; `chosen` says which are clowns, and which have hats."""
        start, end = self.size, self.size + len(latents)
        for own, more in zip((self.latents, self.ids, self.identity, self.states), (latents, ids, identity, states)):
            own[start:end] = more
        for name, shown in chosen.items():
            at, known = torch.from_numpy(shown).nonzero()[:, 0] + start, self.sizes[name]
            self.chosen[name][1][known : known + len(at)] = at.to(self.latents.device)
            self.sizes[name] += len(at)
            self.count[name].fill_(self.sizes[name])
        self.size = end
        self.count["all"].fill_(end)

    def some(self, size, count):
        """Random numbers below a count that lies on the device."""
        random = torch.rand(size, device=count.device, dtype=torch.float64) * count
        return torch.minimum(random.long(), (count - 1).clamp(min=0))

    def choose(self, size):
        """Which pictures: some are chosen for what they show."""
        at, kind = self.some(size, self.count["all"]), torch.rand(size, device=self.latents.device)
        for name, (share, places) in self.chosen.items():
            at = torch.where((kind < share) & (self.count[name] > 0), places[self.some(size, self.count[name])], at)
            kind = kind - share + (kind < share) * 2
        return at

    def draw(self, size):
        """What `Batches.draw` hands over, of `size` pictures."""
        at, random = self.choose(size), lambda: torch.rand(size, device=self.latents.device)
        drop, view = random(), (random() * self.identity.shape[1]).long()
        ids = self.ids[at, (random() * self.ids.shape[1]).long()]
        ids = torch.where((drop < WORDLESS)[:, None], self.empty, ids).long()
        faceless = (drop < NOTHING) | (drop > FACELESS)
        identity = self.identity[at ^ 1, view] * (~faceless)[:, None]
        states = torch.where(faceless[:, None, None], self.black, self.states[at ^ 1, view].float())
        s_scale = 1 + (random() < 0.5) * (2 * random() - 1)
        return self.latents[at].float(), ids, identity.float(), states, s_scale
