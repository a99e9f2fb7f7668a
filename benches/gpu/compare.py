"""How far results are from torch's in f32, beside how far torch itself is in half precision.

    python compare.py DIRECTORY DUMP... [--device cuda] [--results FILE]

`DIRECTORY` is what checkpoints.py wrote; each DUMP is a file `NAME-DTYPE.safetensors` of the program `step`, computed
from the same `input.safetensors`. Distances are over the standard deviation of the exact result. Fails when a dump is not
finite, or its mean distance exceeds `FACTOR` times that of torch in the same dtype.
"""

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file

import baseline
from timing import DTYPES, report

FACTOR = 3.0
# Torch in f32 is the reference: a dump in f32 has to be this near, on the mean.
EXACT = 1e-5
SCALING = 0.18215


@torch.inference_mode()
def reference(directory, device, dtype):
    """What torch computes for the input."""
    arguments = SimpleNamespace(directory=directory, device=device, dtype=dtype)
    torch_dtype = DTYPES[dtype]
    values = {name: value.to(device) for name, value in load_file(directory / "input.safetensors").items()}
    unet = baseline.load(UNet2DConditionModel, arguments, True)
    latents = values["latents"].repeat(2, 1, 1, 1).to(torch_dtype)
    tokens = torch.cat([values["text"], values["image_tokens"]], dim=1).to(torch_dtype)
    predicted = unet(latents, values["timestep"], encoder_hidden_states=tokens).sample
    del unet
    vae = baseline.load(AutoencoderKL, arguments)
    decoded = vae.decode((values["latents"] / SCALING).to(torch_dtype)).sample
    return {"noise_pred": predicted.float().cpu(), "decoded": decoded.float().cpu()}


def distances(exact, values):
    """Largest and mean distance in standard deviations; infinite where values are not finite."""
    apart = (values.double() - exact.double()).abs() / exact.double().std()
    apart = torch.nan_to_num(apart, nan=torch.inf)
    return {"max_distance": apart.max().item(), "mean_distance": apart.mean().item()}


def is_near(found, own, dtype):
    """Whether a dump's mean distance is that of its dtype."""
    allowed = EXACT if dtype == "f32" else FACTOR * own["mean_distance"]
    return found["mean_distance"] <= allowed


def main(arguments):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    exact, is_right = reference(arguments.directory, arguments.device, "f32"), True
    dumps = {path: path.stem.rpartition("-")[2] for path in arguments.dumps}
    for dtype in sorted(set(dumps.values())):
        own = reference(arguments.directory, arguments.device, dtype)
        for name, values in own.items():
            own[name] = distances(exact[name], values)
            report({"by": "diffusers", "what": name, "dtype": dtype} | own[name], arguments.results)
        for path in (path for path, of in dumps.items() if of == dtype):
            for name, values in load_file(path).items():
                found = distances(exact[name], values)
                near = is_near(found, own[name], dtype)
                is_right &= near
                result = {"by": "facegen", "what": name, "dtype": dtype, "dump": path.stem} | found
                report(result | {"is_near": near}, arguments.results)
    sys.exit(not is_right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("dumps", type=Path, nargs="+")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
