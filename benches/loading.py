"""Loading by diffusers and transformers compared with ours: `python3 benches/loading.py OURS DIRECTORY`.

OURS is the program that `cargo bench --bench loading --no-run` names, DIRECTORY what tests/golden/python/full_size.py
wrote. Each model is loaded three times by either, in turns, each time in a process of its own; medians are printed.
The reference only maps f32 weights, so each of them is read once there before the clock stops.
"""

import re
import statistics
import subprocess
import sys

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


def run(command):
    """Seconds and mebibytes of one run."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) s", output)[1]), int(re.search(r"(\d+) MiB at most", output)[1])


def main(program, directory):
    for model, (part, imports) in MODELS.items():
        path = f"{directory}/{part}"
        ours, peer = [], []
        for _ in range(ROUNDS):
            ours.append(run([program, model, f"{path}/config.json", path]))
            peer.append(run([sys.executable, "-W", "ignore", "-c", PEER.format(imports=imports, directory=path)]))
        for name, runs in (("facegen", ours), ("reference", peer)):
            seconds, most = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"{model:14} {name:10} {seconds:6.2f} s  {most:6.0f} MiB at most", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
