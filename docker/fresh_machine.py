#!/usr/bin/env python3
"""Goes the way from a clone to a first image on a machine that has nothing.

In a clean Debian root (debootstrap, as for build_steps.py) with a Rust toolchain it installs a C compiler, and runs
README's two commands on the files of the last commit, up to the first image of the demo preset. Then it runs
`facegen run` in an empty directory, for a preset that comes from a stand-in for the hub on this machine. Each step is
timed, and what it installs or downloads is listed: lines that begin with `fresh: ` are the result.

    docker/fresh_machine.py DIRECTORY

Needs root, debootstrap, and a Rust toolchain.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from build_steps import CONTEXT, Stage, debian, output, run

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "stand-in/networks"
LICENCE = "Stand-In-Research"
# What README says that a machine needs, in addition to Rust.
PACKAGES = ["gcc", "libc6-dev"]
PHOTO = "tests/assets/photographs/astronaut.png"
PATIENCE = 300  # seconds


def main():
    directory = Path(sys.argv[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    stage = Stage(directory / "fresh", debian(directory), "rust:")
    stage.environment["DEBIAN_FRONTEND"] = "noninteractive"
    install_packages(stage)
    copy_clone(stage)
    install_program(stage)
    run_a_preset(stage, "demo", [], {})
    run_a_preset(stage, *preset_on_a_hub(stage))


def report(text):
    print(f"fresh: {text}", flush=True)


def timed(what, work):
    began = time.monotonic()
    result = work()
    report(f"{what}: {time.monotonic() - began:.1f} s{f', {result}' if result else ''}")


def install_packages(stage):
    """The C compiler, and what comes with it."""
    listed = lambda: set(output(stage.inside(["dpkg-query", "--show", "--showformat", "${Package}\\n"])).splitlines())
    before = listed()

    def install():
        stage.run("apt-get update -qq")
        stage.run("apt-get install -qq --yes --no-install-recommends " + " ".join(PACKAGES))
        new = sorted(listed() - before)
        query = ["dpkg-query", "--show", "--showformat", "${Installed-Size}\\n", *new]
        kilobytes = sum(map(int, output(stage.inside(query)).split()))
        return f"{len(new)} packages of {kilobytes / 1024:.0f} MiB ({' '.join(new)})"

    timed(f"apt-get install {' '.join(PACKAGES)}", install)


def copy_clone(stage):
    """The files of a clone, as the last commit has them."""
    clone = stage.root / "clone"
    run(["git", "clone", "--quiet", "--depth=1", f"file://{CONTEXT}", str(clone)])
    stage.directory = "/clone"


def install_program(stage):
    """README's first command."""

    def install():
        run(stage.inside(["cargo", "install", "--locked", "--path", "crates/facegen"]), env=stage.environment)
        home = stage.root / stage.environment["CARGO_HOME"].lstrip("/")
        crates = len(list((home / "registry/cache").glob("*/*.crate")))
        built = f"{megabytes(stage.root / 'clone/target')} in target, {megabytes(home / 'bin/facegen')} installed"
        return f"{crates} crates of {megabytes(home / 'registry/cache')} downloaded, {built}"

    timed("cargo install --locked --path crates/facegen", install)
    stage.environment["PATH"] = f"{stage.environment['CARGO_HOME']}/bin:{stage.environment['PATH']}"


def megabytes(directory):
    return f"{int(output(['du', '--summarize', '--block-size=M', str(directory)]).split()[0].rstrip('M'))} MiB"


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does, for the files that it was given."""

    files = {}
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        found = re.fullmatch(rf"/{REPO}/resolve/[^/]+/(.+)", self.path.split("?")[0])
        content = self.files.get(found[1]) if found else None
        if content is None:
            self.send_response(404)
            self.send_header("content-length", "0")
            return self.end_headers()
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        begin = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("content-range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("x-repo-commit", COMMIT)
        self.send_header("etag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("content-length", str(len(content) - begin))
        self.end_headers()
        if with_body:
            self.wfile.write(content[begin:])


def manifest():
    """The demo preset with its networks on the hub, one of them for research only."""
    demo = tomllib.loads((CONTEXT / "models/demo.toml").read_text())
    lines = [
        'name = "pulled"',
        'description = "the networks of the demo, on a hub"',
        "[options]",
        *(f"{name} = {json.dumps(value)}" for name, value in demo["options"].items()),
        f'[licences."{LICENCE}"]',
        "research_only = true",
        'terms = "For research only."',
    ]
    for name, component in demo["components"].items():
        path = component["source"]["path"]
        Hub.files[path] = (CONTEXT / "models" / path).read_bytes()
        licence = LICENCE if name == "unet" else "MIT"
        lines += [f"[components.{name}]", f'source = {{ hub = {{ repo = "{REPO}", file = "{path}" }} }}', f'licence = "{licence}"']
        if "config" in component:
            lines.append(f'config = "/clone/models/{component["config"]}"')
    return "\n".join(lines) + "\n"


def preset_on_a_hub(stage):
    """A preset of which all networks have to be fetched, its options, and the variables that lead to its hub."""
    models = stage.root / "presets"
    models.mkdir()
    (models / "pulled.toml").write_text(manifest())
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    stage.directory = "/empty"
    (stage.root / "empty").mkdir()
    report(f"the preset pulled has {len(Hub.files)} files of {sum(map(len, Hub.files.values())) >> 20} MiB on its hub")
    options = ["--accept", LICENCE, "--models-dir", "/presets"]
    return "pulled", options, {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}"}


def run_a_preset(stage, preset, options, variables):
    """`facegen run`: accepted, fetched, served, and an image made with the key of its link."""
    command = stage.inside(["facegen", "run", preset, "--port", "0", *options])
    began = time.monotonic()
    environment = {**stage.environment, **variables}
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        links = (re.search(r"open (http://\S+)/#token=(\S+)", line) for line in server.stdout)
        link = next(filter(None, links), None)
        assert link, f"facegen run {preset} ended without a link"
        ready = time.monotonic() - began
        size = make_an_image(link[1], link[2])
        report(f"facegen run {preset}: link after {ready:.1f} s, image of {size} bytes after {time.monotonic() - began:.1f} s")
    finally:
        server.terminate()
        server.wait(30)


def make_an_image(address, token):
    """The bytes of the image that the key of a link makes."""
    key = post(f"{address}/page/key", token)["key"]
    photo = base64.b64encode((CONTEXT / PHOTO).read_bytes()).decode()
    base = f"{address}/api/v1/enterprise/face_gen"
    fields = {"prompt": "portrait photograph", "face_image": photo, "safety_checker": False}
    answer = post(f"{base}/make_gen", key, fields)
    late = time.monotonic() + PATIENCE
    while answer["status"] == "processing" and time.monotonic() < late:
        time.sleep(0.2)
        answer = post(f"{base}/fetch/{answer['id']}", key, {})
    assert answer["status"] == "success", answer
    with urllib.request.urlopen(answer["output"][0], timeout=PATIENCE) as image:
        content = image.read()
    assert content.startswith(b"\x89PNG"), answer
    return len(content)


def post(url, key, fields=None):
    body = json.dumps(fields or {}).encode()
    headers = {"content-type": "application/json", "key": key}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
