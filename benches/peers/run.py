"""Measures facegen and its peers in turns on this machine's CPU.

    python run.py DIRECTORY --programs DIR --photo FILE --results FILE [--rounds 2] [--budget SECONDS]
        [--only unet,vae,picture] [--dtypes f32,bf16] [--peers facegen,torch,openvino] [--sizes 512x512] [--threads 2]

A processor without instructions for bf16 is measured in f32 only, unless `--dtypes` says otherwise.

`DIRECTORY` is what ../gpu/checkpoints.py and `peer.py openvino convert` wrote; `--programs` has `step` and `image` of
`cargo bench`, and `stable-diffusion` of the package `candle` where `--peers` names it. Every measurement is a process of
its own, one call to warm up and `--steps` that count; in each round the peers take turns, each time another one begins.

Results are appended to a file, a line of JSON each: a later call continues where one ended, at `--budget` or otherwise,
until every peer has as many rounds. `table.py` judges them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

PICTURE_STEPS = 21
# Seconds that a measurement is taken to last before there was one like it.
UNKNOWN = 90.0
PACKAGES = ("torch", "diffusers", "openvino")
# Instructions that products are computed with, and those of them for bf16.
HALF_FLAGS = ("avx512_bf16", "amx_bf16")
FLAGS = ("avx2", "avx512f", *HALF_FLAGS)


def field(name):
    """A line of the description of the first processor."""
    processors = Path("/proc/cpuinfo").read_text()
    return processors.split(f"\n{name}", 1)[1].split(":", 1)[1].split("\n", 1)[0].strip()


def flags():
    """Those of `FLAGS` that the processor has."""
    return [flag for flag in FLAGS if flag in field("flags").split()]


def native_dtypes():
    """What the processor has instructions for."""
    return "f32,bf16" if set(HALF_FLAGS).intersection(flags()) else "f32"


def facts():
    """The machine and the versions."""
    versions = {name: version(name) for name in PACKAGES}
    return {
        "by": "facts", "date": time.strftime("%F", time.gmtime()), "processor": field("model name"), "flags": flags(),
        "processors": os.cpu_count(), "system": platform.platform(), "versions": versions,
    }  # fmt: skip


def cases(arguments):
    """What is measured: network, dtype, size and threads. Whole pictures are of the first size and in bf16: in f32 they
    would only repeat, for half an hour, what steps and decoding say."""
    wanted, dtypes = arguments.only.split(","), arguments.dtypes.split(",")
    for size in arguments.sizes.split(","):
        for threads in (int(number) for number in arguments.threads.split(",")):
            yield from ((what, dtype, size, threads) for dtype in dtypes for what in ("unet", "vae") if what in wanted)
    if "picture" in wanted and "bf16" in dtypes:
        yield ("picture", "bf16", arguments.sizes.split(",")[0], int(arguments.threads.split(",")[0]))


def read(path):
    """The results so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def identity(result):
    """The case and the peer of a result."""
    case = result["what"], result["dtype"], f"{result['width']}x{result['height']}", result["threads"]
    return case, result["by"]


def next_job(arguments, results):
    """The case and the peer with the fewest rounds; none where each has enough."""
    done = Counter(identity(result) for result in results if "seconds" in result)
    peers, jobs = arguments.peers.split(","), []
    for number, case in enumerate(cases(arguments)):
        for place, peer in enumerate(peers):
            rounds = done[case, peer]
            jobs.append((rounds, number, (place + rounds) % len(peers), case, peer))
    jobs = sorted(job for job in jobs if job[0] < arguments.rounds)
    return jobs[0][3:] if jobs else None


def packs(arguments, dtype):
    """The packed weights for the program as it is: another one may pack in another way."""
    stamp = int((arguments.programs / "step").stat().st_mtime)
    directory = arguments.directory / "packs"
    directory.mkdir(mode=0o700, exist_ok=True)
    for path in directory.glob("*.pack"):
        if not path.stem.endswith(f"-{stamp}"):
            path.unlink()
    return directory / f"{{}}-{dtype}-{stamp}.pack"


def ours(arguments, what, dtype, size, threads):
    """The command of our own measurement."""
    directory, programs = arguments.directory, arguments.programs
    if what == "picture":
        preset = "full" if dtype == "f32" else f"full-{dtype}"
        return [programs / "image", directory, preset, directory / "preset-packs", arguments.photo, size, PICTURE_STEPS, 1]
    words = ["--dtype", dtype, "--size", size, "--steps", arguments.steps, "--warm-up", 1]
    words += [f"--{what}", directory / what, "--pack", str(packs(arguments, dtype)).format(what)]
    if what == "unet":
        words += ["--adapter", directory / "adapter/ip-adapter-faceid-plusv2_sd15.bin"]
    return [programs / "step", *words]


def theirs(arguments, peer, what, dtype, size, threads):
    """The command of a peer's."""
    if peer == "candle":
        words = [what, arguments.directory, size, arguments.steps]
        return [arguments.programs / "stable-diffusion", *words]
    steps = PICTURE_STEPS if what == "picture" else arguments.steps
    words = [peer, what, arguments.directory, "--dtype", dtype, "--size", size, "--threads", threads, "--steps", steps]
    return [sys.executable, "-W", "ignore", Path(__file__).with_name("peer.py"), *words]


def measure(arguments, case, peer):
    """One result. Of a picture `seconds` are those of its steps and its decoding; a peer has no other parts."""
    what, dtype, size, threads = case
    command = ours(arguments, *case) if peer == "facegen" else theirs(arguments, peer, *case)
    environment = os.environ | {name: str(threads) for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS")}
    command = [str(word) for word in command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=arguments.timeout)
    width, height = (int(side) for side in size.split("x"))
    result = {"by": peer, "what": what, "dtype": dtype, "width": width, "height": height, "threads": threads}
    if done.returncode != 0:
        return result | {"error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:300]}
    found = json.loads(done.stdout.splitlines()[-1])
    if what != "picture":
        kept = ("load_seconds", "peak_bytes", "least_ms", "most_ms", "first_ms", "faults")
        return result | {"seconds": found["median_ms"] / 1e3} | {key: found[key] for key in kept if key in found}
    parts = found if peer == "facegen" else found["seconds"]
    return result | {"seconds": parts["denoising"] + parts["decoding"], "parts": found}


def main(arguments):
    started, results = time.monotonic(), read(arguments.results)
    lasted = {}
    with arguments.results.open("a") as file:
        if not results:
            print(json.dumps(facts()), file=file, flush=True)
        while (job := next_job(arguments, results)) is not None:
            expected = lasted.get(job, UNKNOWN)
            if arguments.budget and time.monotonic() - started + expected > arguments.budget:
                print("the rest is left to a later call", flush=True)
                return
            begun = time.monotonic()
            result = measure(arguments, *job)
            lasted[job] = result["process_seconds"] = time.monotonic() - begun
            line = json.dumps(result)
            print(line, flush=True)
            if "error" in result:
                sys.exit(f"{job[1]} failed: {result['error']}")
            print(line, file=file, flush=True)
            results.append(result)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True, help="file to continue")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3, help="calls that count in each process")
    parser.add_argument("--budget", type=float, help="seconds after which no measurement begins")
    parser.add_argument("--only", default="unet,vae,picture")
    parser.add_argument("--dtypes", default=native_dtypes())
    parser.add_argument("--peers", default="facegen,torch,openvino")
    parser.add_argument("--sizes", default="512x512")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds of one process")
    main(parser.parse_args())
