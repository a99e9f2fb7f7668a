"""Trains UNet, text encoder, projection, image keys and LoRA together, at one size of latents."""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from portraits.batches import Batches, Faces, NoFaces, known_words
from portraits.files import append, save
from portraits.muon import Trainer, cosine
from portraits.network import Network
from portraits.text import with_rows
from portraits.vision import STATES_WIDTH, TOKENS

GAMMA = 5.0  # of min-SNR weighting
OFFSET = 0.1  # of offset noise: the schedule's last step still shows a picture's mean colour
KNOWN_FROM = 4000  # pictures whose captions name the words that get a row
BEGIN = 880  # generations begin at this time of the schedule or later
GUIDANCE = 5.0  # that a beginning is made for
COARSE, LARGE = 4, 6.75  # large areas are of so many cells of latents, and count so much

ALPHAS = DDPMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000
).alphas_cumprod.float()


def weight_of(snr, debias):
    """Of the squared error of the noise: that of min-SNR, or one that counts much noise for more, where a prompt's
    colours and the layout are decided."""
    return snr.rsqrt().clamp(max=10) if debias else torch.clamp(snr, max=GAMMA) / snr


def offset_of(t, late):
    """The deviation of the noise's mean: with `late` more of it towards the end, where a picture's mean colour could be
    read off in spite of the noise; a generation begins without it and has only the prompt."""
    return OFFSET + late * (t / 1000) ** 4


def noised(latents, t, alphas, late):
    """The latents at times `t` of the schedule `alphas`, and the noise in them."""
    size = len(latents)
    offset = offset_of(t, late).view(-1, 1, 1, 1) * torch.randn(size, 4, 1, 1, device=t.device)
    noise = torch.randn_like(latents) + offset
    alpha = alphas[t].view(-1, 1, 1, 1)
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, noise


def begun(latents, mean, t, alphas):
    """What a generation begins with, which is noise alone, and the noise to see in it.

    Noisy latents of training show large areas even at the last time, and a network that reads them there takes the
    even noise of a beginning for a picture without contrast: a ground's colour then is the hair's too. Here nothing can
    be read, and prompt and face alone say where to go. Guidance multiplies what they say, so they say less: the aim is
    between the picture and the mean of all."""
    alpha = alphas[t].view(-1, 1, 1, 1)
    noisy = torch.randn_like(latents)
    return noisy, (noisy - alpha.sqrt() * (mean + (latents - mean) / GUIDANCE)) / (1 - alpha).sqrt()


def loss_at(network, batch, t, alphas, debias=False, late=0.0, begins=None, mean=None):
    """The weighted loss of a batch at times `t`, and its plain one; those that `begins` chooses hold noise alone."""
    latents, ids, identity, states, s_scale = batch
    noisy, noise = noised(latents, t, alphas, late)
    if begins is not None:
        noisy[begins], noise[begins] = begun(latents[begins], mean, t[begins], alphas)
    context = network.tokens(ids, identity, states, s_scale)
    noisy = noisy.to(context.dtype).contiguous(memory_format=torch.channels_last)
    error = network(noisy, t, context).float() - noise
    plain, snr = (error**2).mean((1, 2, 3)), alphas[t] / (1 - alphas[t])
    loss = plain * weight_of(snr, debias)
    if begins is None:
        return loss.mean(), plain.detach().mean()
    # The large areas are what a beginning decides: they count as errors of the picture.
    coarse = (F.avg_pool2d(error, COARSE) ** 2).mean((1, 2, 3)) / snr
    return (loss + LARGE * coarse * begins).mean(), plain.detach()[~begins].mean()


def loss_of(network, batch, rng, bias=1.0, debias=False, late=0.0, begin=0.0, mean=None):
    """Both losses at random times. A `bias` below 1 looks more often at much noise; a share `begin` begins."""
    size = len(batch[0])
    stratified = ((rng.permutation(size) + rng.random(size)) / size) ** bias * 1000
    begins = rng.random(size) < begin if begin else None
    times = np.where(begins, BEGIN + (1000 - BEGIN) * rng.random(size), stratified) if begin else stratified
    t = torch.from_numpy(times).long().clamp(0, 999)
    loss, plain = loss_at(network, batch, t, ALPHAS, debias, late, torch.from_numpy(begins) if begin else None, mean)
    return loss, plain.item()


def share(step, args):
    """Of the peak learning rates: warm-up, level, and a cosine over the last `decay` steps."""
    if step < args.steps - args.decay:
        return min(1.0, (step + 1) / 60)
    return cosine(step - (args.steps - args.decay), args.decay, 0)


def checkpoint(trainer, known, path):
    save(dict(known=sorted(known), averaged=trainer.averaged(), trainer=trainer.state()), path)


def hold_coarse(network):
    """Leaves only what is new in a grown network to be trained."""
    fine = ("conv_in", "down_blocks.0.", "up_blocks.3.upsamplers", "up_blocks.4.", "conv_norm_out", "conv_out")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.removeprefix("unet.").startswith(fine))


def hold_fine(network):
    """Leaves the finest level, the times and the resampler as they are: what a beginning decides is not there."""
    fine = ("conv_in", "down_blocks.0.", "up_blocks.4.", "conv_norm_out", "conv_out", "time_embedding")
    held = tuple(f"unet.{name}" for name in fine) + ("projection.perceiver_resampler",)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith(held))


def start(args, known):
    torch.manual_seed(args.seed)
    network = Network(known, STATES_WIDTH, args.fine)
    grown = torch.load(args.start_from, weights_only=False) if args.start_from else {}
    if args.fresh:
        network.load_state_dict(with_rows(grown["averaged"], grown["known"], known))
    network.unet.to(memory_format=torch.channels_last)
    if args.hold:
        hold_coarse(network)
    if args.hold_fine:
        hold_fine(network)
    kind = torch.float32 if args.single else torch.bfloat16
    trainer = Trainer(network, args.lr, args.muon, average=args.average, dtype=kind)
    own = args.out + ".pt"
    if os.path.exists(own):
        trainer.resume(torch.load(own, weights_only=False)["trainer"])
    elif grown and not args.fresh:
        trainer.resume(grown["trainer"])
        trainer.steps = 0
    return network, trainer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--latents", required=True, help="the file of latents, [n, 4, h, w]")
    parser.add_argument("--out", required=True, help="the checkpoint without its ending; resumed if it is there")
    parser.add_argument("--start-from", help="a checkpoint of another size to begin with")
    parser.add_argument("--fresh", action="store_true", help="take its weights only, not the optimizer's state")
    parser.add_argument("--fine", action="store_true", help="with the level of 64x64 latents")
    parser.add_argument("--hold", action="store_true", help="train that level only")
    parser.add_argument("--hold-fine", action="store_true", help="train all but that level and the resampler")
    parser.add_argument("--no-faces", action="store_true")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--decay", type=int, default=0)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--average", type=float, default=0.997)
    parser.add_argument("--bias", type=float, default=1.0, help="below 1: more steps at much noise")
    parser.add_argument("--clowns", type=float, default=0.0, help="the share of pictures that are clowns on purpose")
    parser.add_argument("--hats", type=float, default=0.0, help="the same for hats")
    parser.add_argument("--greys", type=float, default=0.0, help="the same for black, grey and white grounds")
    parser.add_argument("--debias", action="store_true", help="count errors at much noise for more")
    parser.add_argument("--late", type=float, default=0.0, help="more offset noise at the end")
    parser.add_argument(
        "--begin", type=float, default=0.0, help="the share that sees noise alone, as generations begin"
    )
    parser.add_argument("--dial", action="store_true", help="teach that s_scale says how far a face is to be believed")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first picture")
    parser.add_argument("--tall", help="latents of tall pictures, for a share of the batches")
    parser.add_argument("--tall-share", type=float, default=0.15)
    parser.add_argument(
        "--quick", action="store_true", help="with kernels of portraits/quick.cpp; needs a C++ compiler"
    )
    parser.add_argument("--single", action="store_true", help="in f32, for a processor without bf16")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = known_words(KNOWN_FROM)
    network, trainer = start(args, known)
    if args.quick:
        from portraits.quick import quicken

        quicken(network.unet)
    rng = np.random.default_rng([args.seed, trainer.steps])
    torch.manual_seed(args.seed + trainer.steps)
    faces = NoFaces(TOKENS, STATES_WIDTH) if args.no_faces else Faces(args.data)
    batches, tall = (
        Batches(
            np.load(path, mmap_mode="r"),
            faces,
            known,
            args.seed + trainer.steps,
            args.clowns,
            args.hats,
            args.first,
            args.dial,
            args.greys,
        )
        for path in (args.latents, args.tall or args.latents)
    )
    errors, began, wall = [], time.process_time(), time.time()
    while trainer.steps < args.steps:
        high = bool(args.tall) and rng.random() < args.tall_share
        source, size = (tall, args.batch * 2 // 3) if high else (batches, args.batch)
        loss, plain = loss_of(
            network, source.draw(size), rng, args.bias, args.debias, args.late, args.begin, source.mean
        )
        loss.backward()
        trainer.step(share(trainer.steps, args))
        if not high:
            errors.append(plain)
        if trainer.steps % 50 == 0:
            append(
                args.out + ".log",
                step=trainer.steps,
                size=batches.latents.shape[-1],
                batch=args.batch,
                error=float(np.mean(errors)),
                cpu=time.process_time() - began,
                wall=time.time() - wall,
            )
            errors = []
        if trainer.steps % 100 == 0 or trainer.steps == args.steps:
            checkpoint(trainer, known, args.out + ".pt")


if __name__ == "__main__":
    main()
