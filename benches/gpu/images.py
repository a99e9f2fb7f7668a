"""Whole images by the program: on the device against the CPU, and how long the published sizes take.

    python images.py PROGRAM DIRECTORY --models DIR --face FILE --out DIR [--device cuda:0] [--results FILE]

The demo's image in f32 and in f16 is compared with the CPU's; `LIMITS` is the mean difference in levels of 255 that it may
have. Then the preset `full` of checkpoints.py is timed: its image is noise.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy
from PIL import Image

from timing import report

# Presets of the device, by the largest mean difference from the CPU's image in f32.
LIMITS = {"demo": 0.5, "half": 4.0}
PROMPT = "portrait of a person in front of a beach"


def generate(arguments, preset, models, device, size):
    """The image and what the program says of it."""
    width, height = (int(side) for side in size.split("x"))
    path = arguments.out / f"{preset}-{device.partition(':')[0]}-{size}.png"
    command = [arguments.program, "generate", "--preset", preset, "--models-dir", models, "--device", device]
    command += ["--data-dir", arguments.out / "data", "--prompt", PROMPT, "--face", arguments.face, "--seed", "1234"]
    command += ["--width", str(width), "--height", str(height), "--steps", "21", "--json", "--force", "--out", path]
    started = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=arguments.timeout)
    seconds = time.monotonic() - started
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    line = json.loads(done.stdout.splitlines()[-1])
    return numpy.asarray(Image.open(path).convert("RGB")).astype(float), {
        "what": "image", "preset": preset, "device": device, "width": width, "height": height,
        "seconds": line["timings"], "process_seconds": round(seconds, 2),
    }  # fmt: skip


def compared(arguments):
    """Whether the demo's images are those of the CPU."""
    size = arguments.sizes.split(",")[0]
    exact, facts = generate(arguments, "demo", arguments.models, "cpu", size)
    report({"by": "facegen"} | facts, arguments.results)
    is_right = True
    for preset, limit in LIMITS.items():
        models = arguments.models if preset == "demo" else arguments.directory
        image, facts = generate(arguments, preset, models, arguments.device, size)
        apart = abs(image - exact)
        facts |= {"mean_levels": apart.mean(), "most_levels": apart.max(), "is_near": bool(apart.mean() <= limit)}
        is_right &= facts["is_near"]
        report({"by": "facegen"} | facts, arguments.results)
    return is_right


def timed(arguments):
    """Images at the published sizes."""
    for size in arguments.sizes.split(","):
        _, facts = generate(arguments, "full", arguments.directory, arguments.device, size)
        report({"by": "facegen"} | facts, arguments.results)


def main(arguments):
    arguments.out.mkdir(parents=True, exist_ok=True)
    is_right = True
    for part in (compared, timed):
        try:
            is_right &= part(arguments) is not False
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            is_right = False
            report({"by": "facegen", "what": "image", "error": str(error)[:300]}, arguments.results)
    sys.exit(not is_right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("directory", type=Path, help="what checkpoints.py wrote")
    parser.add_argument("--models", type=Path, required=True, help="directory of presets with the demo's")
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--sizes", default="512x512,512x768")
    parser.add_argument("--timeout", type=float, default=90.0, help="seconds of one image")
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
