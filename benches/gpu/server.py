"""How many images a minute the server makes for 1, 8 and 32 clients at once.

    python server.py PROGRAM DIRECTORY --face FILE --out DIR [--device cuda:0] [--clients 1,8,32] [--results FILE]

Starts `serve` with the preset `full` of checkpoints.py. Each client sends its next request when it has the answer to the
last one; the answers that come within `--seconds` count.
"""

import argparse
import base64
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from timing import report

KEY = "key-of-the-benchmark-0123456789"
ROUTE = "/api/v1/enterprise/face_gen/make_gen"


def start(arguments, address):
    """The server's process."""
    settings = {
        "FACEGEN_API_KEY": KEY, "FACEGEN__SERVER__LISTEN": address, "FACEGEN__SERVER__SYNC_WAIT_SECONDS": "300",
        "FACEGEN__ENGINE__PRESET": arguments.preset, "FACEGEN__ENGINE__MODELS_DIR": str(arguments.directory),
        "FACEGEN__ENGINE__DEVICE": arguments.device, "FACEGEN__ENGINE__BATCH_LIMIT": str(arguments.batch_limit),
        "FACEGEN__STORAGE__DATA_DIR": str(arguments.out / f"server-{os.getpid()}"),
    }  # fmt: skip
    log = (arguments.out / "server.log").open("w")
    return subprocess.Popen([str(arguments.program.resolve()), "serve"], env=os.environ | settings, stdout=log, stderr=log)


def wait(process, address, limit=120.0):
    """Until it is ready."""
    until = time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{address}/readyz", timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the server did not become ready, see server.log")


def client(address, body, until):
    """Times of the answers in time, and the first error."""
    times = []
    while time.monotonic() < until:
        headers = {"key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{address}{ROUTE}", body, headers)
        started = time.monotonic()
        try:
            answer = json.load(urllib.request.urlopen(request, timeout=300))
        except (urllib.error.URLError, OSError) as error:
            return times, str(error)
        if answer["status"] != "success":
            return times, f"the answer is {answer['status']}: {answer.get('message', '')}"
        if time.monotonic() < until:
            times.append(time.monotonic() - started)
    return times, None


def load(arguments, address, body, clients):
    """What that many clients at once see."""
    until = time.monotonic() + arguments.seconds
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        results = list(pool.map(lambda _: client(address, body, until), range(clients)))
    times = sorted(time for own, _ in results for time in own)
    errors = [error for _, error in results if error]
    result = {"clients": clients, "images": len(times), "images_a_minute": 60 * len(times) / arguments.seconds}
    if times:
        result |= {"median_seconds": statistics.median(times), "p95_seconds": times[int(0.95 * (len(times) - 1))]}
    return result | {"errors": len(errors), "error": errors[0][:200] if errors else None}


def main(arguments):
    arguments.out.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{arguments.port}"
    face = base64.b64encode(arguments.face.read_bytes()).decode()
    image = dict(zip(("width", "height"), (int(side) for side in arguments.size.split("x")), strict=True))
    body = json.dumps({"prompt": "portrait of a person", "face_image": face} | image).encode()
    process, is_right = start(arguments, address), True
    facts = {"by": "facegen", "what": "server", "device": arguments.device, "batch_limit": arguments.batch_limit}
    try:
        wait(process, address)
        client(address, body, time.monotonic() + 1.0)
        for clients in (int(number) for number in arguments.clients.split(",")):
            result = load(arguments, address, body, clients)
            is_right &= not result["errors"]
            report(facts | result, arguments.results)
    except RuntimeError as error:
        is_right = False
        report(facts | {"error": str(error)}, arguments.results)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
    sys.exit(not is_right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("directory", type=Path, help="what checkpoints.py wrote")
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--preset", default="full")
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--batch-limit", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=12.0, help="how long each number of clients is measured")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
