"""Training in bf16 or f32 with f32 master weights: Muon for matrices, AdamW for the rest, and a moving average."""

import math

import torch

# Never orthogonalised: first and last layers, tables of rows, and two matrices so large that it would take most of a step.
PLAIN = ("conv_in", "conv_out", "embedding", "projection.proj.")


@torch.no_grad()
def orthogonalize(gradients, steps=4, dtype=torch.bfloat16):
    """Newton-Schulz iteration on a batch of matrices [n, rows, columns]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradients.to(dtype)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if tall else x).float()


def cosine(step, total, warm_up=60, end=0.03):
    """The share of the peak learning rate at a step."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = min(1.0, (step - warm_up) / max(1, total - warm_up))
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """Owns the f32 weights of a bf16 model and steps them."""

    def __init__(self, model, lr, muon_lr, average=0.998, dtype=torch.bfloat16, skip=PLAIN):
        named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.masters = [p.detach().float().clone().requires_grad_(True) for _, p in named]
        self.averages = [p.detach().clone() for p in self.masters]
        self.held = {n: p.detach().float().clone() for n, p in model.named_parameters() if not p.requires_grad}
        model.to(dtype)
        self.model, self.dtype, self.working = model, dtype, [p for p in model.parameters() if p.requires_grad]
        self.average, self.lr, self.muon_lr, self.steps = average, lr, muon_lr, 0
        self._group(skip)

    def _group(self, skip):
        """Matrices of one shape are orthogonalised together."""
        self.groups, plain = {}, []
        for k, (name, p) in enumerate(zip(self.names, self.masters)):
            small = p.dim() < 2 or min(p.shape[0], p[0].numel()) < 8
            if small or any(word in name for word in skip):
                plain.append(p)
            else:
                self.groups.setdefault((p.shape[0], p[0].numel()), []).append(k)
        device = self.masters[0].device
        self.momentum = {g: torch.zeros(len(ks), *g, device=device) for g, ks in self.groups.items()}
        self.adam = torch.optim.AdamW(plain, lr=self.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def step(self, share, gradients=None):
        """One step at `share` of both peak learning rates, with the gradients that backward left or with those given."""
        if gradients is None:
            gradients = [working.grad for working in self.working]
            for working in self.working:
                working.grad = None
        self._take(gradients)
        plain = [p for p in self.adam.param_groups[0]["params"] if p.grad is not None]
        torch.nn.utils.clip_grad_norm_(plain, 1.0)
        self.adam.param_groups[0]["lr"] = self.lr * share
        self.adam.step()
        self.steps += 1
        with torch.no_grad():
            self._muon(share)
            torch._foreach_copy_(self.working, self.masters)
            keep = min(self.average, (1 + self.steps) / (10 + self.steps))
            torch._foreach_lerp_(self.averages, self.masters, 1 - keep)

    def _take(self, gradients):
        """Puts them into the masters, as f32."""
        for master, gradient in zip(self.masters, gradients):
            if gradient is None or master.grad is None:
                master.grad = None if gradient is None else torch.empty_like(master)
        pairs = [(m.grad, g) for m, g in zip(self.masters, gradients) if g is not None]
        torch._foreach_copy_(*map(list, zip(*pairs)))

    def _muon(self, share, beta=0.95):
        for (rows, columns), ks in self.groups.items():
            grads = [self.masters[k].grad for k in ks]
            zero = self.momentum[(rows, columns)].new_zeros(rows, columns)
            grad = torch.stack([zero if g is None else g.reshape(rows, columns) for g in grads])
            momentum = self.momentum[(rows, columns)]
            momentum.lerp_(grad, 1 - beta)
            update = orthogonalize(grad.lerp(momentum, beta), dtype=self.dtype)
            scale = self.muon_lr * share * max(1, rows / columns) ** 0.5
            masters = [self.masters[k] for k in ks]
            torch._foreach_add_(masters, [u.view_as(m) for u, m in zip(update, masters)], alpha=-scale)

    def averaged(self):
        """The model's state in f32, with the moving average of its weights."""
        state = {k: v.detach().float() for k, v in self.model.state_dict().items()}
        state.update(self.held)
        state.update({n: a.clone().contiguous() for n, a in zip(self.names, self.averages)})
        return state

    def state(self):
        """All that is needed to go on."""
        return dict(
            masters=self.masters,
            averages=self.averages,
            adam=self.adam.state_dict(),
            momentum=self.momentum,
            steps=self.steps,
        )

    def resume(self, state):
        with torch.no_grad():
            for mine, saved in zip(self.masters, state["masters"]):
                mine.copy_(saved)
            for mine, saved in zip(self.averages, state["averages"]):
                mine.copy_(saved)
            torch._foreach_copy_(self.working, self.masters)
        self.adam.load_state_dict(state["adam"])
        self.momentum, self.steps = state["momentum"], state["steps"]
