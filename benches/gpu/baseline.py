"""How long diffusers takes on this device with the same checkpoints.

    python baseline.py DIRECTORY [--device cuda] [--dtype f16] [--images 1,2,4,8] [--sizes 512x512,512x768]
        [--compile MODE] [--results FILE]

`DIRECTORY` is what checkpoints.py wrote. A step is one call of the UNet with guidance: two rows for each image. Without
`--compile` it runs eagerly: memory formats `contiguous` and `channels_last`; torch's own choice of attention, and flash
attention alone; without and with the adapter. With it, UNet and decoder are compiled in that mode, in channels_last.
"""

import argparse
import contextlib
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.nn.attention import SDPBackend, sdpa_kernel

import face_attention
from checkpoints import ADAPTER
from timing import DTYPES, measure, report

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
EAGER = [("contiguous", "default"), ("channels_last", "default"), ("channels_last", "flash")]
TEXT_TOKENS = 77


def attention(name):
    """The context in which torch chooses the attention itself, or has to take flash attention."""
    return sdpa_kernel(SDPBackend.FLASH_ATTENTION) if name == "flash" else contextlib.nullcontext()


def load(kind, arguments, has_adapter=False):
    """A model of the directory on the device."""
    dtype = DTYPES[arguments.dtype]
    model = kind.from_pretrained(arguments.directory / ("vae" if kind is AutoencoderKL else "unet"), torch_dtype=dtype)
    if has_adapter:
        face_attention.install(model, arguments.directory / "adapter" / ADAPTER)
    return model.to(arguments.device).eval()


class Bench:
    """Measures and reports with what every result says."""

    def __init__(self, arguments, by):
        self.arguments, self.by = arguments, by

    def normal(self, *shape):
        dtype = DTYPES[self.arguments.dtype]
        return torch.randn(shape, device=self.arguments.device, dtype=torch.float32).to(dtype)

    def run(self, work, what, width, height, **facts):
        arguments = self.arguments
        result = {"by": self.by, "what": what, "device": arguments.device, "dtype": arguments.dtype}
        result |= {"width": width, "height": height} | facts
        try:
            result |= measure(work, arguments.device, arguments.steps, arguments.warm_up)
        except RuntimeError as error:
            result["error"] = str(error).splitlines()[0][:200]
        report(result, arguments.results)

    def unet(self, model, width, height, images, layout, has_adapter, attention_name="default"):
        """A step of that many images."""
        tokens = TEXT_TOKENS + (self.arguments.image_tokens if has_adapter else 0)
        latents = self.normal(2 * images, 4, height // 8, width // 8).to(memory_format=FORMATS[layout])
        text = self.normal(2 * images, tokens, self.arguments.width)
        timestep = torch.tensor(500, device=self.arguments.device)

        def step():
            with attention(attention_name):
                model(latents, timestep, encoder_hidden_states=text, return_dict=False)

        self.run(step, "unet", width, height, images=images, rows=2 * images, layout=layout, has_adapter=has_adapter,
                 attention=attention_name)  # fmt: skip

    def vae(self, decode, width, height, layout):
        """The decoding of one image."""
        latents = self.normal(1, 4, height // 8, width // 8).to(memory_format=FORMATS[layout])
        self.run(lambda: decode(latents, return_dict=False), "vae", width, height, images=1, layout=layout)


def sizes(arguments):
    """Every size with its numbers of images: all at the first size, one and the most at the others."""
    images = [int(number) for number in arguments.images.split(",")]
    for index, size in enumerate(arguments.sizes.split(",")):
        width, height = (int(side) for side in size.split("x"))
        for number in images if index == 0 else sorted({images[0], images[-1]}):
            yield width, height, number


def eager(arguments):
    bench = Bench(arguments, "diffusers")
    for has_adapter in (True, False):
        model = load(UNet2DConditionModel, arguments, has_adapter)
        for layout, attention_name in EAGER:
            model.to(memory_format=FORMATS[layout])
            for width, height, images in sizes(arguments):
                bench.unet(model, width, height, images, layout, has_adapter, attention_name)
        del model
    model = load(AutoencoderKL, arguments)
    for layout in FORMATS:
        model.to(memory_format=FORMATS[layout])
        for width, height in dict.fromkeys(size[:2] for size in sizes(arguments)):
            bench.vae(model.decode, width, height, layout)


def compiled(arguments):
    bench = Bench(arguments, f"diffusers compiled, {arguments.compile}")
    model = load(UNet2DConditionModel, arguments, True).to(memory_format=torch.channels_last)
    started = time.monotonic()
    model.compile(mode=arguments.compile, fullgraph=True, dynamic=False)
    for width, height, images in sizes(arguments):
        bench.unet(model, width, height, images, "channels_last", True)
    vae = load(AutoencoderKL, arguments).to(memory_format=torch.channels_last)
    vae.decoder.compile(mode=arguments.compile, fullgraph=True, dynamic=False)
    width, height, _ = next(sizes(arguments))
    bench.vae(vae.decode, width, height, "channels_last")
    print(f"compiled and measured in {time.monotonic() - started:.0f} s", flush=True)


def main(arguments):
    config = UNet2DConditionModel.load_config(arguments.directory / "unet")
    arguments.width, arguments.image_tokens = config["cross_attention_dim"], 4
    torch.manual_seed(5)
    compiled(arguments) if arguments.compile else eager(arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=DTYPES, default="f16")
    parser.add_argument("--images", default="1,2,4,8")
    parser.add_argument("--sizes", default="512x512,512x768")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--compile", metavar="MODE", help="reduce-overhead or max-autotune")
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
