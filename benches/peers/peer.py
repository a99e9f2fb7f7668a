"""One measurement of a peer, in a process of its own.

    python peer.py torch|openvino unet|vae|picture DIRECTORY [--dtype bf16] [--size 512x512] [--threads 2] [--steps 3]
    python peer.py openvino convert DIRECTORY

`DIRECTORY` is what ../gpu/checkpoints.py wrote. torch computes in channels_last, OpenVINO what `convert` made of the same
checkpoints; `--dtype bf16` is a hint to it. `unet` is one call with guidance, two rows; `picture` is the whole loop of
`--steps` such calls with diffusers' scheduler, and the decoding. Prints a line of JSON as the program `step` does.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

import numpy
import torch
from diffusers import DDIMScheduler

sys.path.append(str(Path(__file__).parent.parent / "gpu"))

import layouts  # noqa: E402
from timing import DTYPES, measure  # noqa: E402

GUIDANCE, TEXT_TOKENS, SCALING = 7.5, 77, layouts.VAE_BLOCKS["scaling_factor"]


class Torch:
    """diffusers' networks in channels_last."""

    def __init__(self, arguments):
        self.arguments, self.dtype = arguments, DTYPES[arguments.dtype]
        torch.set_num_threads(arguments.threads)

    def load(self, what):
        from diffusers import AutoencoderKL, UNet2DConditionModel

        kind = AutoencoderKL if what == "vae" else UNet2DConditionModel
        network = kind.from_pretrained(self.arguments.directory / what, torch_dtype=self.dtype)
        return network.to(memory_format=torch.channels_last).eval()

    def tensor(self, value):
        value = torch.from_numpy(value).to(self.dtype)
        return value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value

    def unet(self):
        network = self.load("unet")

        def call(latents, timestep, text):
            inputs = self.tensor(latents), torch.tensor(timestep), self.tensor(text)
            return network(*inputs, return_dict=False)[0].float().numpy()

        return call

    def vae(self):
        network = self.load("vae")
        return lambda latents: network.decode(self.tensor(latents), return_dict=False)[0].float().numpy()


class OpenVino:
    """Its own form of the same networks, at fixed shapes."""

    def __init__(self, arguments):
        import openvino

        self.arguments, self.library = arguments, openvino
        # On a processor with AMX it would compute in bf16 without being asked to.
        self.options = {
            "INFERENCE_PRECISION_HINT": arguments.dtype, "INFERENCE_NUM_THREADS": arguments.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }  # fmt: skip

    def path(self, what):
        return self.arguments.directory / "openvino" / f"{what}.xml"

    def load(self, what, shapes):
        core = self.library.Core()
        model = core.read_model(self.path(what))
        model.reshape(dict(zip(model.inputs, shapes, strict=True)))
        return core.compile_model(model, "CPU", self.options).create_infer_request()

    def unet(self):
        latents, text = shapes(self.arguments)
        request = self.load("unet", [latents, [], text])

        def call(latents, timestep, text):
            inputs = [latents, numpy.float32(timestep), text]
            return request.infer(inputs, share_inputs=True)[0]

        return call

    def vae(self):
        (_, *latents), _ = shapes(self.arguments)
        request = self.load("vae", [[1, *latents]])
        return lambda latents: request.infer([latents], share_inputs=True)[0]

    def convert(self):
        """Writes both networks, with weights in f32."""
        from diffusers import AutoencoderKL, UNet2DConditionModel

        class Unet(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, latents, timestep, text):
                return self.network(latents, timestep, text, return_dict=False)[0]

        class Decoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, latents):
                return self.network.decode(latents, return_dict=False)[0]

        directory = self.arguments.directory
        latents, text = (torch.zeros(shape) for shape in shapes(self.arguments))
        inputs = {"unet": (latents, torch.tensor(500.0), text), "vae": (latents[:1],)}
        kinds = {"unet": (Unet, UNet2DConditionModel), "vae": (Decoder, AutoencoderKL)}
        for what, (wrapper, kind) in kinds.items():
            network = wrapper(kind.from_pretrained(directory / what).eval())
            model = self.library.convert_model(network, example_input=inputs[what])
            self.library.save_model(model, self.path(what), compress_to_fp16=False)
            print(f"wrote {self.path(what)}", flush=True)
            del network, model


def shapes(arguments):
    """Those of the latents and of the text of both rows."""
    width, height = arguments.pixels
    return [2, 4, height // 8, width // 8], [2, TEXT_TOKENS, layouts.FULL["unet"]["cross_attention_dim"]]


def picture(unet, decode, arguments, normal):
    """The loop of an image: seconds of the denoising and of the decoding."""
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False)
    scheduler.set_timesteps(arguments.steps)
    latents, text = normal
    latents, started = torch.from_numpy(latents[:1]), time.perf_counter()
    for timestep in scheduler.timesteps:
        rows = numpy.ascontiguousarray(latents.expand(2, -1, -1, -1).numpy())
        uncond, cond = torch.from_numpy(unet(rows, float(timestep), text).copy()).chunk(2)
        predicted = uncond + GUIDANCE * (cond - uncond)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    denoised = time.perf_counter()
    decode(numpy.ascontiguousarray((latents / SCALING).numpy()))
    return {"denoising": denoised - started, "decoding": time.perf_counter() - denoised}


def peak():
    """The most bytes of this process that were resident."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10


@torch.inference_mode()
def main(arguments):
    arguments.pixels = [int(side) for side in arguments.size.split("x")]
    peer = {"torch": Torch, "openvino": OpenVino}[arguments.peer](arguments)
    if arguments.what == "convert":
        peer.convert()
        return
    generator = numpy.random.default_rng(5)
    latents, text = (generator.standard_normal(shape, numpy.float32) for shape in shapes(arguments))
    started = time.perf_counter()
    if arguments.what == "unet":
        unet = peer.unet()
        work = lambda: unet(latents, 500.0, text)  # noqa: E731
    elif arguments.what == "vae":
        vae = peer.vae()
        work = lambda: vae(latents[:1])  # noqa: E731
    else:
        unet, vae = peer.unet(), peer.vae()
    width, height = arguments.pixels
    result = {"by": arguments.peer, "what": arguments.what, "dtype": arguments.dtype, "width": width, "height": height}
    result |= {"threads": arguments.threads, "load_seconds": time.perf_counter() - started}
    if arguments.what == "picture":
        unet(latents, 500.0, text)
        result |= {"steps": arguments.steps, "seconds": picture(unet, vae, arguments, (latents, text))}
    else:
        result |= measure(work, "cpu", arguments.steps, arguments.warm_up)
    print(json.dumps(result | {"peak_bytes": peak()}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("peer", choices=["torch", "openvino"])
    parser.add_argument("what", choices=["unet", "vae", "picture", "convert"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=1)
    main(parser.parse_args())
