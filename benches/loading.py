"""Loading by diffusers and transformers compared with ours, and the memory and the start of everything together.

    python3 benches/loading.py OURS DIRECTORY
    python3 benches/loading.py whole IMAGE DIRECTORY PACKS PHOTO [PRESET...]

OURS and IMAGE are the programs that `cargo bench --no-run` names for `loading` and `image`, DIRECTORY what
tests/golden/python/full_size.py or benches/gpu/checkpoints.py wrote. Each model is loaded three times by either, in turns,
each time in a process of its own; medians are printed. The reference only maps f32 weights, so each of them is read once
there before the clock stops.

`whole` makes two pictures of 512x512 with each preset, `full` and `full-bf16`, from the packs in PACKS, which a run
before wrote: a second start. Fails where the second picture takes more memory than `BARS` says, the first step ends
more than `START` seconds later than a step takes, or a step has `FAULTS` page faults or more.
"""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

MODELS = {
    "unet": ("sd15/unet", "from diffusers import UNet2DConditionModel as Model"),
    "image_encoder": ("image_encoder", "from transformers import CLIPVisionModelWithProjection as Model"),
    "text_encoder": ("sd15/text_encoder", "from transformers import CLIPTextModel as Model"),
    "vae": ("sd15/vae", "from diffusers import AutoencoderKL as Model"),
}
PEER = """
import re, threading, time, torch
{imports}
def memory():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10
most, done, before = 0, False, memory()
def watch():
    global most
    while not done:
        most = max(most, memory())
        time.sleep(0.002)
threading.Thread(target=watch, daemon=True).start()
started = time.perf_counter()
model = Model.from_pretrained({directory!r}, torch_dtype=torch.float32)
read = sum(float(parameter.detach().sum()) for parameter in model.parameters())
seconds = time.perf_counter() - started
done = True
print(f"{{seconds:.2f}} s, {{max(most, memory()) - before}} MiB at most")
"""
ROUNDS = 3
# Bytes that are resident in steps, and at any moment.
BARS = {"full": (6.0e9, 8.0e9), "full-bf16": (3.6e9, 4.4e9)}
START, FAULTS = 3.0, 100


def run(command):
    """Seconds and mebibytes of one run."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) s", output)[1]), int(re.search(r"(\d+) MiB at most", output)[1])


def judged(preset, first, second):
    """What the two pictures of a second start say: lines, each with whether it holds."""
    in_steps, at_any_moment = BARS[preset]
    most = max(second[name] for name in ("prepare_bytes", "step_bytes", "decode_bytes"))
    late = first["first_step_after_seconds"] - first["step_seconds"]
    yield f"{second['step_bytes'] / 1e9:.2f} GB in steps, at most {in_steps / 1e9}", second["step_bytes"] <= in_steps
    yield f"{most / 1e9:.2f} GB at any moment, at most {at_any_moment / 1e9}", most <= at_any_moment
    yield f"the first step ends {late:.1f} s later than a step takes, at most {START}", late <= START
    yield f"{second['step_faults']} page faults a step, less than {FAULTS}", second["step_faults"] < FAULTS


def whole(program, directory, packs, photo, *presets):
    """Whether a second start of each preset keeps to the bars."""
    is_right = True
    for preset in presets or BARS:
        command = [program, directory, preset, packs, photo, "512x512", "21", "2"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(output, end="", flush=True)
        for line, is_met in judged(preset, *(json.loads(line) for line in output.splitlines())):
            print(f"{preset}: {line}: {'met' if is_met else 'missed'}", flush=True)
            is_right &= is_met
    sys.exit(not is_right)


def main(program, directory):
    for model, (part, imports) in MODELS.items():
        path = f"{directory}/{part}"
        if not Path(path).is_dir():
            path = f"{directory}/{Path(part).name}"
        ours, peer = [], []
        for _ in range(ROUNDS):
            ours.append(run([program, model, f"{path}/config.json", path]))
            peer.append(run([sys.executable, "-W", "ignore", "-c", PEER.format(imports=imports, directory=path)]))
        for name, runs in (("facegen", ours), ("reference", peer)):
            seconds, most = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"{model:14} {name:10} {seconds:6.2f} s  {most:6.0f} MiB at most", flush=True)


if __name__ == "__main__":
    whole(*sys.argv[2:]) if sys.argv[1] == "whole" else main(*sys.argv[1:])
