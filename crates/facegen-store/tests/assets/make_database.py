#!/usr/bin/env python3
"""Makes the database that a former version leaves behind when it is killed.

    make_database.py PROGRAM MODELS OUT.sqlite

PROGRAM is that version, MODELS its directory of manifests. Its server gets jobs by
the API: one that succeeds with a webhook without an answer, one that is
erased, one that fails, one that is cancelled, an image that is sent, and then
some that run and wait when it is killed. `version_11.sqlite` was made by the
last version before the column `claimed_by`.
"""

import base64
import json
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

KEY = "fg_the_key_of_the_environment"
ROUTE = "/api/v1/enterprise/face_gen/make_gen"
PHOTO = pathlib.Path(__file__).parents[4] / "tests/assets/photographs/astronaut.png"


def call(base, path, body=None, method=None):
    data = None if body is None else json.dumps({"key": KEY} | body).encode()
    request = urllib.request.Request(base + path, data, method=method)
    request.add_header("content-type", "application/json")
    request.add_header("key", KEY)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def make_gen(base, **fields):
    small = {"width": 64, "height": 64, "samples": 1, "safety_checker": False}
    return call(base, ROUTE, small | fields)["id"]


def wait(base, job, states):
    while call(base, f"/v1/jobs/{job}")["state"] not in states:
        time.sleep(0.05)


def fill(base, photo):
    """Leaves jobs in every state; the last ones run and wait."""
    told = make_gen(base, prompt="told", face_image=photo, webhook="http://127.0.0.1:8081/hook")
    wait(base, told, ["succeeded"])
    erased = make_gen(base, prompt="private", face_image=photo)
    wait(base, erased, ["succeeded"])
    call(base, f"/v1/jobs/{erased}", method="DELETE")
    failed = make_gen(base, prompt="fails", face_image="http://127.0.0.1:8081/face.jpg")
    wait(base, failed, ["failed"])
    call(base, "/api/v6/base64_to_url", {"base64_string": photo})
    long = {"width": 768, "height": 512, "num_inference_steps": 41, "samples": 2}
    hook = {"webhook": "http://127.0.0.1:8081/hook"}
    running = [make_gen(base, prompt="runs", face_image=photo, **long, **hook) for _ in range(2)]
    make_gen(base, prompt="is cancelled", face_image=photo, **long, **hook)
    wait(base, running[-1], ["running"])
    call(base, "/api/v1/enterprise/face_gen/clear_queue", {})
    make_gen(base, prompt="waits", face_image=photo, **long, **hook)


def live(base):
    while True:
        try:
            urllib.request.urlopen(base + "/readyz").close()
            break
        except OSError:
            time.sleep(0.2)
    fill(base, base64.b64encode(PHOTO.read_bytes()).decode())


def keep(path, out):
    database = sqlite3.connect(path)
    # Photos make most of it, and any bytes do.
    database.execute("UPDATE inputs SET image = x'ffd8ffe0'")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("VACUUM")
    for row in database.execute("SELECT state, count(*) FROM generations GROUP BY state"):
        print(*row)
    database.close()
    shutil.copy(path, out)


def main(program, models, out):
    directory = pathlib.Path(tempfile.mkdtemp())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = directory / "config.toml"
    config.write_text('[outbound]\nallow_networks = ["127.0.0.0/8"]\n')
    server = subprocess.Popen(
        [program, "serve", "--preset", "demo", "--listen", f"127.0.0.1:{port}", "--config", config,
         "--data-dir", directory / "data", "--models-dir", models],
        env={"FACEGEN_API_KEY": KEY, "RAYON_NUM_THREADS": "1"},
    )
    try:
        live(f"http://127.0.0.1:{port}")
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    keep(directory / "data/facegen.db", out)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
