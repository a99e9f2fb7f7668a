"""The server under load: whether its memory or the time of a step grows.

    python soak.py PROGRAM DIRECTORY --photo FILE --out DIR [--minutes 30] [--size 512x512] [--preset full-bf16]

`DIRECTORY` is what ../gpu/checkpoints.py wrote. One picture after the other is made; for each, a line of JSON has its
seconds of denoising a step, and the most memory and that at its end. Of those after the first two, the last quarter is
compared with the first: fails where the median of memory is over `GROWTH` above it. Then a second server is started, and
either makes pictures in turns, since other guests of a host slow it down for minutes: fails where the steps of the first
take longer by more than `DRIFT`, by the median of the ratios.
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

sys.path.append(str(Path(__file__).parent.parent / "gpu"))

import server  # noqa: E402
from timing import report  # noqa: E402

GROWTH, DRIFT = 1.02, 1.08
# Pictures in which the server warms up.
FIRST = 2
# Pictures that either server makes in turns, and their size: the sooner the turns, the more alike the host is.
TURNS, SMALL = 10, "256x256"
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


def request(photo, size):
    """The body of a request."""
    width, height = map(int, size.split("x"))
    body = {"prompt": "portrait of a person", "num_inference_steps": STEPS, "seed": 7, "width": width, "height": height}
    return json.dumps(body | {"face_image": base64.b64encode(photo.read_bytes()).decode()}).encode()


def picture(address, body):
    """Makes one, waits for it, and returns the seconds of a step."""
    before = denoising(address)
    headers = {"key": server.KEY, "Content-Type": "application/json"}
    post = urllib.request.Request(f"http://{address}{server.ROUTE}", body, headers)
    answer = json.load(urllib.request.urlopen(post, timeout=320))
    if answer["status"] != "success":
        raise RuntimeError(f"the answer is {answer['status']}: {answer.get('message', '')}")
    return (denoising(address) - before) / STEPS


def growth(lines):
    """How much more memory there is in the last quarter than in the first, and what to say of it."""
    counted = lines[FIRST:]
    quarter = max(1, len(counted) // 4)

    def median(part, name):
        return statistics.median(line[name] for line in part)

    names = ["most_bytes", "end_bytes"]
    grown = {name: median(counted[-quarter:], name) / median(counted[:quarter], name) for name in names}
    said = ", ".join(f"{name} {median(counted[-quarter:], name):.3g} ({grown[name]:.3f} of before)" for name in names)
    minutes = lines[-1]["at_seconds"] / 60
    return max(grown.values()), f"{len(lines)} images in {minutes:.0f} minutes; in the last quarter {said}"


def run(arguments, process, address, body):
    """The lines of all pictures."""
    watch, lines, started = Watch(process), [], time.monotonic()
    while time.monotonic() - started < 60 * arguments.minutes:
        seconds = picture(address, body)
        line = {"by": "soak", "at_seconds": time.monotonic() - started, "step_seconds": seconds}
        lines.append(line | {"most_bytes": watch.take(), "end_bytes": resident(process)})
        report(lines[-1], arguments.results)
    return lines


def drift(arguments, address, body):
    """Seconds of a step by the server over those by one that was just started, in turns."""
    fresh = argparse.Namespace(**vars(arguments) | {"out": arguments.out / "fresh"})
    fresh.out.mkdir(exist_ok=True)
    other, ratios = f"127.0.0.1:{arguments.port + 1}", []
    process = server.start(fresh, other)
    try:
        server.wait(process, other, limit=600.0)
        for each in (address, other):
            picture(each, body)
        for _ in range(TURNS):
            line = {"by": "soak", "step_seconds": picture(address, body), "fresh_step_seconds": picture(other, body)}
            report(line, arguments.results)
            ratios.append(line["step_seconds"] / line["fresh_step_seconds"])
    finally:
        process.terminate()
        process.wait(timeout=60)
    return statistics.median(ratios)


def main(arguments):
    arguments.out.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{arguments.port}"
    process = server.start(arguments, address)
    try:
        server.wait(process, address, limit=600.0)
        lines = run(arguments, process, address, request(arguments.photo, arguments.size))
        slower = drift(arguments, address, request(arguments.photo, SMALL))
    finally:
        process.terminate()
        process.wait(timeout=60)
    if len(lines) < FIRST + 4:
        sys.exit(f"{len(lines)} images are too few to judge")
    grown, text = growth(lines)
    print(f"soak: {text}; a step {slower:.3f} of that of a server just started, in turns", flush=True)
    sys.exit(0 if grown <= GROWTH and slower <= DRIFT else "it grew")


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
