"""Puts the level of 64x64 latents in front of a network that was trained on 32x32 ones.

The averages of 2x2 noisy latents are noisy latents of the smaller picture with a quarter of the noise's variance. So the
new level is first taught to hand over what the old first convolution would make of those averages, and the time
embedding to name the time at which the smaller picture has that much noise: the old levels go on to see what they know.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from portraits.files import append, save
from portraits.network import Network
from portraits.vision import STATES_WIDTH
from train_unet import ALPHAS


def renamed(name):
    """The name that a tensor of the smaller network has in the grown one; None for what is new there."""
    if name.startswith("unet.down_blocks."):
        _, _, level, rest = name.split(".", 3)
        return f"unet.down_blocks.{int(level) + 1}.{rest}"
    if name.startswith(("unet.conv_in", "unet.conv_norm_out", "unet.conv_out")):
        return None
    return name


def coarse_times():
    """For each time, the one at which the signal is four times as strong against the noise."""
    ratio = (ALPHAS / (1 - ALPHAS)).log()
    wanted = ratio + np.log(4)
    return (ratio[None] - wanted[:, None]).abs().argmin(1)


def teach_times(unet, old, steps=1500):
    times = torch.arange(1000)
    with torch.no_grad():
        target = old.time_embedding(old.time_proj(coarse_times()))
    adam = torch.optim.AdamW(unet.time_embedding.parameters(), 3e-3, weight_decay=0.0)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        loss = F.mse_loss(unet.time_embedding(unet.time_proj(times)), target)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return loss.item() / target.var().item()


def handed_over(unet, x, embedding):
    """What the level of 64x64 gives to the next one."""
    _, skips = unet.down_blocks[0](hidden_states=unet.conv_in(x), temb=embedding)
    return skips[-1]


def teach_level(unet, old, latents, steps, batch=8):
    rng, times = np.random.default_rng(3), coarse_times()
    parameters = [*unet.conv_in.parameters(), *unet.down_blocks[0].parameters()]
    adam = torch.optim.AdamW(parameters, 3e-3, weight_decay=0.0)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        z = torch.from_numpy(latents[rng.integers(0, len(latents), batch)]).float()
        t = torch.from_numpy(rng.integers(0, 1000, batch))
        alpha = ALPHAS[t].view(-1, 1, 1, 1)
        x = alpha.sqrt() * z + (1 - alpha).sqrt() * torch.randn_like(z)
        with torch.no_grad():
            small = F.avg_pool2d(x, 2) / (alpha + (1 - alpha) / 4).sqrt()
            target, embedding = old.conv_in(small), unet.time_embedding(unet.time_proj(t))
        loss = F.mse_loss(handed_over(unet, x, embedding), target) / target.var()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step % 50 == 49:
            print("step", step + 1, "of the level: unexplained", round(loss.item(), 4), flush=True)
    return loss.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--start-from", required=True)
    parser.add_argument("--latents", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    state = torch.load(args.start_from, weights_only=False)
    small = Network(state["known"], STATES_WIDTH, False)
    small.load_state_dict(state["averaged"])
    grown = Network(state["known"], STATES_WIDTH, True)
    kept = {renamed(name): value for name, value in state["averaged"].items() if renamed(name)}
    unknown = grown.load_state_dict(kept, strict=False).unexpected_keys
    assert not unknown, unknown
    times = teach_times(grown.unet, small.unet)
    level = teach_level(grown.unet, small.unet, np.load(args.latents, mmap_mode="r"), args.steps)
    append(args.out + ".log", unexplained_times=times, unexplained_level=level)
    save(dict(known=state["known"], averaged=grown.state_dict()), args.out + ".pt")


if __name__ == "__main__":
    main()
