"""Moves most of what the image tokens say of a face into the part that `s_scale` multiplies, without the UNet.

Tokens are those of the identity embedding plus `s_scale` times what the resampler makes of them and of the image
encoder's states. Here the first part becomes the mean of all tokens and `--share` of what it told faces apart by, and a
new resampler learns to add to it: at an `s_scale` of 1 the tokens tell faces apart by `--whole` of what they did, at 0 by
`--share` and at 2 by as much more. A face that is left out, which guidance subtracts, looks the same at each.
"""

import argparse
import copy
import time

import numpy as np
import torch
import torch.nn.functional as F

from portraits.batches import Faces
from portraits.files import append, save
from portraits.muon import cosine
from portraits.projection import ID_WIDTH, FacePerceiverResampler, Projection
from portraits.text import WIDTH
from portraits.unet import IMAGE_TOKENS
from portraits.vision import STATES_WIDTH

BATCH, HELD_OUT, FITTED, READ = 32, 400, 1000, 4000
RIDGE = 1e-3  # of the mean variance of what is read
FACELESS = 8  # one of so many pictures has no face: guidance subtracts what it says
STRAY = 0.008  # a number of an embedding strays so far: photographs say other things than drawn faces
BRANCHES = 0.01  # of the usual weights, at first: the identity's tokens are to be read behind them
AROUND = 2.0  # layer norms get a constant so large that they let the rest through


def projection_of(averaged):
    projection, name = Projection(STATES_WIDTH), "projection."
    projection.load_state_dict({k.removeprefix(name): v for k, v in averaged.items() if k.startswith(name)})
    return projection


def strayed(identity, stray):
    return F.normalize(identity + stray * torch.randn_like(identity), dim=1)


def batch_of(faces, at, rng, stray):
    """Identities and states of pictures `at`: half of the states are another picture's, and the last have no face."""
    seen = len(at) - len(at) // FACELESS
    identity, states = faces.of(at, torch.arange(len(at)) >= seen, rng)
    turned = torch.cat([torch.roll(torch.arange(seen // 2), 1), torch.arange(seen // 2, len(at))])
    return torch.cat([strayed(identity[:seen], stray), identity[seen:]]), states[turned]


def tokens_of(projection, identity, states, s_scale):
    return projection(identity, states, torch.full((len(identity),), s_scale))


class Aim:
    """The tokens at an `s_scale` of 1: the teacher's, with `whole` of what they tell faces apart by."""

    def __init__(self, teacher, whole, identity, states):
        self.teacher, self.whole = teacher, whole
        self.mean = tokens_of(teacher, identity, states, 1.0).mean(0)

    def tokens(self, identity, states):
        """The last of a batch have no face, and keep the teacher's."""
        tokens, seen = tokens_of(self.teacher, identity, states, 1.0), len(identity) - len(identity) // FACELESS
        return torch.cat([self.mean + self.whole * (tokens[:seen] - self.mean), tokens[seen:]])


def around(width):
    """A constant that a layer norm lets through; what is small beside it goes through as it is."""
    return F.layer_norm(torch.randn(width), (width,))


@torch.no_grad()
def weaken(teacher, pupil, share, identity, states):
    """Makes of the identity's tokens the mean of all tokens and `share` of what tells faces apart, without a bend."""
    last, norm, tokens = pupil.proj[2], pupil.norm, teacher.proj(identity).view(len(identity), IMAGE_TOKENS, WIDTH)
    mean, constant = tokens_of(teacher, identity, states, 1.0).mean(0), around(WIDTH)
    slope = (share / AROUND * norm.weight / tokens.std(2).mean(0)[:, None])[..., None]
    weight, bias = last.weight.view(IMAGE_TOKENS, WIDTH, -1), last.bias.view(IMAGE_TOKENS, WIDTH) - tokens.mean(0)
    last.weight.copy_((slope * (weight - weight.mean(1, keepdim=True))).flatten(0, 1))
    bias = slope[..., 0] * (bias - bias.mean(1, keepdim=True)) + mean / AROUND + constant
    last.bias.copy_(bias.flatten())
    norm.weight.fill_(AROUND)
    norm.bias.copy_(-AROUND * constant)


@torch.no_grad()
def set_apart(pupil, identity, wanted):
    """Makes the identity's tokens `wanted` if there is no face, and leaves those of faces nearly as they are."""
    hidden, last, nobody = pupil.proj[:2], pupil.proj[2], torch.zeros(1, ID_WIDTH)
    seen = hidden(identity)
    mean, away = seen.mean(0), hidden(nobody)[0] - seen.mean(0)
    spread = (seen - mean).T @ (seen - mean) / len(seen)
    reader = torch.linalg.solve(spread + RIDGE * spread.trace() / len(spread) * torch.eye(len(spread)), away)
    reader = reader / (reader @ away)
    for _ in range(5):  # the layer norm bends what is as large as this
        missing = (wanted - pupil.norm(pupil.proj(nobody).view(IMAGE_TOKENS, WIDTH))).flatten() / AROUND
        last.weight += torch.outer(missing, reader)
        last.bias -= missing * (reader @ mean)


def fit_last(resampler, inputs, wanted):
    """Fits the layer before the last norm to give `wanted` for `inputs`."""
    resampler.norm_out.weight.fill_(AROUND)
    resampler.norm_out.bias.copy_(-AROUND * around(WIDTH))
    outputs = (wanted - resampler.norm_out.bias).flatten(0, 1) / AROUND
    fitted = torch.linalg.lstsq(F.pad(inputs, (0, 1), value=1.0), outputs).solution
    resampler.proj_out.weight.copy_(fitted[:-1].T)
    resampler.proj_out.bias.copy_(fitted[-1])


@torch.no_grad()
def renew(aim, pupil, identity, states, nobody):
    """A new resampler for the pupil. It begins by adding what was taken, and the mean of what the old one said; what that
    read off the states is left to learn."""
    resampler = pupil.perceiver_resampler = FacePerceiverResampler(STATES_WIDTH)
    for attention, forward in resampler.layers:
        attention.to_out.weight *= BRANCHES
        forward[3].weight *= BRANCHES
    before, now = (tokens_of(it, identity, states, 0.0) for it in (aim.teacher, pupil))
    wanted = aim.mean + aim.whole * (before - before.mean(0)) - now
    wanted = torch.cat([wanted, torch.zeros_like(wanted[: len(wanted) // FACELESS])])
    with_nobody = lambda one, none: torch.cat([one, none.expand(len(one) // FACELESS, *one.shape[1:])])
    several, seen = [with_nobody(*pair) for pair in zip((identity, states), nobody)], []
    hook = resampler.proj_out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(0, 1)))
    tokens_of(pupil, *several, 1.0)
    hook.remove()
    fit_last(resampler, seen[0], wanted)


def error(aim, pupil, identity, states):
    """Of the tokens at an `s_scale` of 1, against the variance of each over faces: [n, tokens]."""
    with torch.no_grad():
        wanted = aim.tokens(identity, states)
        variance = wanted[: -(len(identity) // FACELESS)].var(0).mean(1)
    return (tokens_of(pupil, identity, states, 1.0) - wanted).pow(2).mean(2) / variance


@torch.no_grad()
def examine(aim, pupil, faces, count):
    """The error of each token on faces that training never saw, and without a face, in deviations; and how far tokens
    follow a face at 0, 1 and 2."""
    at = np.arange(count - HELD_OUT, count)
    identity, states = batch_of(faces, at, np.random.default_rng(0), 0.0)
    errors, seen = error(aim, pupil, identity, states), HELD_OUT - HELD_OUT // FACELESS
    follow = lambda s: tokens_of(pupil, identity[:seen], states[:seen], s).var(0).mean().sqrt().item()
    tokens = {f"error_{k}": e for k, e in enumerate(errors[:seen].mean(0).sqrt().tolist())}
    follows = {f"follow_{s}": follow(float(s)) for s in (0, 1, 2)}
    return {**tokens, "faceless": errors[seen:].mean().sqrt().item(), **follows}


def pupil_of(teacher, share, whole, faces, count, rng):
    """A projection whose identity's tokens say less of a face, with a resampler that begins to make up for it; and what
    it is to learn."""
    some = lambda size: faces.of(rng.integers(0, count, size), torch.zeros(size, dtype=bool), rng)
    pupil, seen = copy.deepcopy(teacher), some(FITTED)
    nobody = torch.zeros(1, ID_WIDTH), faces.black[None]
    weaken(teacher, pupil, share, *seen)
    set_apart(pupil, strayed(some(READ)[0], STRAY), tokens_of(teacher, *nobody, 1.0)[0])
    aim = Aim(teacher, whole, *seen)
    renew(aim, pupil, *seen, nobody)
    return pupil, aim


def train(aim, pupil, faces, count, rng, steps, lr):
    """Steps of the pupil's resampler; gives the loss of each."""
    adam = torch.optim.AdamW(pupil.perceiver_resampler.parameters(), lr, weight_decay=0.0)
    for step in range(steps):
        adam.param_groups[0]["lr"] = lr * cosine(step, steps)
        loss = error(aim, pupil, *batch_of(faces, rng.integers(0, count, BATCH), rng, STRAY)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        yield loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--start-from", required=True, help="a checkpoint of train_unet.py")
    parser.add_argument("--out", required=True, help="the checkpoint without its ending")
    parser.add_argument("--share", type=float, default=0.4, help="of what tells faces apart, at an s_scale of 0")
    parser.add_argument("--whole", type=float, default=1.0, help="the same at 1")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--lr", type=float, default=2e-4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng, faces, start = np.random.default_rng(1), Faces(args.data), torch.load(args.start_from, weights_only=False)
    count, began = faces.identity.shape[1], time.process_time()
    teacher = projection_of(start["averaged"]).requires_grad_(False)
    pupil, aim = pupil_of(teacher, args.share, args.whole, faces, count - HELD_OUT, rng)
    append(args.out + ".log", step=0, **examine(aim, pupil, faces, count))
    for step, loss in enumerate(train(aim, pupil, faces, count - HELD_OUT, rng, args.steps, args.lr), 1):
        if step % 100 == 0 or step == args.steps:
            now = dict(step=step, loss=loss, cpu=time.process_time() - began)
            append(args.out + ".log", **now, **examine(aim, pupil, faces, count))
    state = {**start["averaged"], **{f"projection.{k}": v for k, v in pupil.state_dict().items()}}
    save(dict(known=start["known"], averaged=state), args.out + ".pt")


if __name__ == "__main__":
    main()
