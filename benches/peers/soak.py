"""The server under load: whether its memory or the time of a step grows.

    python soak.py PROGRAM DIRECTORY --photo FILE --out DIR [--minutes 30] [--size 512x512] [--preset full-bf16]

`DIRECTORY` is what ../gpu/checkpoints.py wrote. One picture after the other is made; for each, a line of JSON has its
seconds of denoising a step, and the most memory and that at its end. Of those after the first two, the last quarter is
compared with the first: fails where the median of memory is over `GROWTH` above it, or that of a step over `DRIFT`.
Other guests of a host slow everything down: after each picture a fixed matrix product says how fast the host is, and
a step may take longer by as much as that does.
"""

import argparse
import base64
import json
import re
import statistics
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy

sys.path.append(str(Path(__file__).parent.parent / "gpu"))

import server  # noqa: E402
from timing import report  # noqa: E402

GROWTH, DRIFT = 1.02, 1.08
# Pictures in which the server warms up.
FIRST = 2
STEPS = 21


def resident(process):
    """The resident bytes of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10


def denoising(address):
    """Seconds of all denoising so far."""
    text = urllib.request.urlopen(f"http://{address}/metrics", timeout=30).read().decode()
    sums = re.findall(r'^facegen_stage_seconds_sum\{[^}]*stage="denoising"[^}]*\} (\S+)$', text, re.M)
    return sum(float(value) for value in sums)


class Watch:
    """The most memory since the last question."""

    def __init__(self, process):
        self.process, self.most = process, 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while self.process.poll() is None:
            self.most = max(self.most, resident(self.process))
            time.sleep(0.1)

    def take(self):
        most, self.most = max(self.most, resident(self.process)), 0
        return most


def picture(address, body):
    """Makes one, and waits for it."""
    headers = {"key": server.KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{address}{server.ROUTE}", body, headers)
    answer = json.load(urllib.request.urlopen(request, timeout=320))
    if answer["status"] != "success":
        raise RuntimeError(f"the answer is {answer['status']}: {answer.get('message', '')}")


def host():
    """Seconds of a fixed piece of work that has nothing to do with the server: the median of 20 matrix products."""
    matrix, times = numpy.ones((2048, 2048), numpy.float32), []
    for _ in range(20):
        begun = time.monotonic()
        matrix @ matrix
        times.append(time.monotonic() - begun)
    return statistics.median(times)


def judge(lines):
    """Whether nothing grew, and what to say of it."""
    counted = lines[FIRST:]
    quarter = max(1, len(counted) // 4)
    first, last = counted[:quarter], counted[-quarter:]

    def median(part, name):
        return statistics.median(line[name] for line in part)

    names = ["step_seconds", "host_seconds", "most_bytes", "end_bytes"]
    grown = {name: median(last, name) / median(first, name) for name in names}
    slower = max(1.0, grown["host_seconds"])
    limits = {"step_seconds": DRIFT * slower, "most_bytes": GROWTH, "end_bytes": GROWTH}
    said = ", ".join(f"{name} {median(last, name):.3g} ({grown[name]:.3f} of before)" for name in names)
    minutes = lines[-1]["at_seconds"] / 60
    text = f"{len(lines)} images in {minutes:.0f} minutes; in the last quarter {said}"
    return all(grown[name] <= limit for name, limit in limits.items()), text


def run(arguments, process, address, body):
    """The lines of all pictures."""
    watch, lines, started = Watch(process), [], time.monotonic()
    while time.monotonic() - started < 60 * arguments.minutes:
        before = denoising(address)
        picture(address, body)
        seconds = (denoising(address) - before) / STEPS
        at = time.monotonic() - started
        line = {"by": "soak", "at_seconds": at, "step_seconds": seconds, "most_bytes": watch.take()}
        lines.append(line | {"end_bytes": resident(process), "host_seconds": host()})
        report(lines[-1], arguments.results)
    return lines


def main(arguments):
    arguments.out.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{arguments.port}"
    face = base64.b64encode(arguments.photo.read_bytes()).decode()
    image = dict(zip(("width", "height"), (int(side) for side in arguments.size.split("x")), strict=True))
    body = json.dumps({"prompt": "portrait of a person", "face_image": face, "num_inference_steps": STEPS, "seed": 7} | image)
    process = server.start(arguments, address)
    try:
        server.wait(process, address, limit=600.0)
        lines = run(arguments, process, address, body.encode())
    finally:
        process.terminate()
        process.wait(timeout=60)
    if len(lines) < FIRST + 4:
        sys.exit(f"{len(lines)} images are too few to judge")
    is_steady, text = judge(lines)
    print(f"soak: {text}", flush=True)
    sys.exit(0 if is_steady else "it grew")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--preset", default="full-bf16")
    parser.add_argument("--port", type=int, default=18083)
    parser.add_argument("--results", type=Path, help="file to append the lines to")
    arguments = parser.parse_args()
    arguments.device, arguments.batch_limit = "cpu", 1
    main(arguments)
