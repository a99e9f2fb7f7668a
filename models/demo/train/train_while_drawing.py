"""Trains as train_unet.py does, on a GPU, for so many seconds: other processes draw the pictures meanwhile.

The learning rate stays level for the first part of the time; then the steps that are left are counted, from the speed so
far, and it falls over these. The log says how many there were.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from features import face_embedder, image_encoder
from portraits.arrivals import Arrivals
from portraits.files import append, save
from portraits.graph import Passes
from portraits.muon import Trainer, cosine
from portraits.network import Network
from portraits.stock import Stock
from portraits.text import with_rows
from portraits.vae import make_vae
from portraits.vision import STATES_WIDTH, penultimate
from train_unet import ALPHAS, loss_at

SQUARE, TALL = 512, 768
LATENTS = {SQUARE: (4, 64, 64), TALL: (4, 96, 64)}
WARM_UP = 60


class Clock:
    """How the learning rate goes over `seconds` that begin at `began`, in steps."""

    def __init__(self, began, seconds, level):
        self.began, self.seconds, self.level = began, seconds, level
        self.first, self.falls_from, self.steps = None, None, None

    def left(self):
        return self.began + self.seconds - time.time()

    def start(self):
        self.first = time.time()

    def fix(self, step):
        """Counts the steps that are left, once the level part of the time is over."""
        trained = time.time() - self.first
        if self.steps is None and trained > self.level * (trained + self.left()):
            self.falls_from, self.steps = step, step + int(0.96 * step / trained * self.left())
            return True
        return False

    def share(self, step):
        """Of the peak learning rates."""
        if self.steps is None:
            return min(1.0, (step + 1) / WARM_UP)
        return cosine(step - self.falls_from, self.steps - self.falls_from, 0)

    def over(self, step):
        return self.left() <= 0 or (self.steps is not None and step >= self.steps)


def checkpoint(trainer, known, path):
    """As f16: what is exported is f16 as well."""
    averaged = {k: v.half().cpu() for k, v in trainer.averaged().items()}
    save(dict(known=sorted(known), averaged=averaged), path)


def network_for(args, device):
    """The network of the checkpoint, for the words that are drawn now."""
    torch.manual_seed(args.seed)
    before, known = torch.load(args.start_from, weights_only=False), np.load(args.known).tolist()
    network = Network(known, STATES_WIDTH)
    network.load_state_dict(with_rows({k: v.float() for k, v in before["averaged"].items()}, before["known"], known))
    network.unet.to(memory_format=torch.channels_last)
    network.text.config._attn_implementation = "sdpa"  # the eager one's mask is copied from the host
    return network.to(device), known


def stocks_for(args, black):
    rooms = {SQUARE: args.room, TALL: args.room // 8}
    stock = lambda height, room: Stock(room, LATENTS[height], args.captions, args.views, black, args.clowns, args.hats)
    return {height: stock(height, room // 2 * 2) for height, room in rooms.items()}


def arrivals_for(args, device):
    vae = make_vae()
    vae.load_state_dict(torch.load(f"{args.parts}/vae.white.pt"))
    embedder, tower = face_embedder(f"{args.parts}/embedder.pt"), image_encoder(f"{args.parts}/vision.pt")
    return Arrivals(args.chunks, vae.eval(), embedder, tower, device)


def wait_for(stocks, arrivals, enough):
    """Until there are pictures of both sizes to begin with."""
    while stocks[SQUARE].size < enough or stocks[TALL].size == 0:
        arrivals.take(stocks, wait=True)


def train(args, trainer, passes, stocks, arrivals, clock, known):
    rng, errors, saved = np.random.default_rng(args.seed), [], False
    clock.start()
    while not clock.over(trainer.steps):
        if stocks[SQUARE].room() > 0 and arrivals.take(stocks) and stocks[SQUARE].room() < args.chunk:
            arrivals.enough()
        tall = rng.random() < args.tall_share
        error, gradients = passes[TALL if tall else SQUARE]()
        trainer.step(clock.share(trainer.steps), gradients)
        if not tall:
            errors.append(error.clone())
        if clock.fix(trainer.steps):
            append(args.out + ".log", step=trainer.steps, fall=clock.steps - clock.falls_from)
        if trainer.steps % args.log_every == 0:
            append(
                args.out + ".log",
                step=trainer.steps,
                size=64,
                batch=args.batch,
                error=torch.stack(errors).mean().item() if errors else None,
                cpu=time.process_time(),
                wall=time.time() - clock.first,
                pictures=stocks[SQUARE].size + stocks[TALL].size,
            )
            errors = []
        if not saved and clock.steps and trainer.steps > (clock.falls_from + clock.steps) // 2:
            checkpoint(trainer, known, args.out + ".middle.pt")
            saved = True


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--began", type=float, default=time.time(), help="when the seconds began, as Unix time")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--level", type=float, default=0.5, help="the share of the time before the learning rate falls")
    parser.add_argument("--chunks", type=Path, required=True, help="the folder of draw_chunks.py")
    parser.add_argument("--chunk", type=int, default=64, help="its pictures in a chunk")
    parser.add_argument("--known", type=Path, required=True, help="the file with the tokens that have a row")
    parser.add_argument("--parts", required=True, help="the folder with what restore.py --parts made")
    parser.add_argument("--start-from", required=True)
    parser.add_argument("--out", required=True, help="the checkpoint without its ending")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    parser.add_argument("--room", type=int, default=40000, help="so many pictures at most")
    parser.add_argument("--enough", type=int, default=1500, help="so many pictures to begin with")
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--captions", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--muon", type=float, default=0.012)
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--clowns", type=float, default=0.06)
    parser.add_argument("--hats", type=float, default=0.12)
    parser.add_argument("--late", type=float, default=0.3)
    parser.add_argument("--tall-share", type=float, default=0.12)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args = arguments()
    clock, device = Clock(args.began, args.seconds, args.level), torch.device(args.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("no GPU for --device cuda")
        append(args.out + ".log", torch=torch.__version__, device=torch.cuda.get_device_name())
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 4
    torch.backends.cudnn.allow_tf32 = False
    network, known = network_for(args, device)
    arrivals, alphas = arrivals_for(args, device), ALPHAS.to(device)
    with torch.no_grad():
        black = penultimate(arrivals.tower, torch.zeros(1, 3, 224, 224, device=device))[0]
    stocks = stocks_for(args, black)
    trainer = Trainer(network, args.lr, args.muon, average=args.average)

    def losses(height, size):
        t = (torch.arange(size, device=device) + torch.rand(size, device=device)) / size * 1000
        return loss_at(network, stocks[height].draw(size), t.long().clamp(0, 999), alphas, True, args.late)

    sizes = {SQUARE: args.batch, TALL: args.batch * 2 // 3}
    passes = Passes(trainer.working, not args.eager and device.type == "cuda")
    passes = {height: passes.of(lambda height=height, size=size: losses(height, size)) for height, size in sizes.items()}
    append(args.out + ".log", passes=time.time() - args.began, parameters=len(trainer.masters))
    wait_for(stocks, arrivals, args.enough)
    append(args.out + ".log", ready=time.time() - args.began, pictures=stocks[SQUARE].size)
    train(args, trainer, passes, stocks, arrivals, clock, known)
    arrivals.enough()
    checkpoint(trainer, known, args.out + ".pt")
    append(args.out + ".log", step=trainer.steps, saved=time.time() - args.began)


if __name__ == "__main__":
    main()
