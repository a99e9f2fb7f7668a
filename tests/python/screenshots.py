"""Photographs the page for docs/guides/page.md: the real server with the demo preset, in Chromium.

    PYTHONPATH=target/tools/python python3 tests/python/screenshots.py target/debug/facegen docs/page

The packages are those that `cargo xtask test` installs. Where the page does not come to what a photograph shows, or one
is larger than it may be, the script fails.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FACE = str(ROOT / "tests/assets/photographs/astronaut.png")
FACELESS = str(ROOT / "docs/demo/training.png")
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
LARGEST = 150_000  # bytes
PATIENCE = 180_000  # milliseconds
# So that another run makes the same images.
SEED = "1234"
PROMPTS = ["a person at the beach, wearing a red sweater", "a person in the garden, wearing a blue shirt"]


def main():
    program, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    key = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as data, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
        free.close()
        command = [program, "serve", "--preset", "demo", "--listen", address, "--data-dir", data]
        server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "FACEGEN_API_KEY": key, "RUST_LOG": "warn"})
        try:
            wait_until_ready(f"http://{address}/readyz")
            photograph(f"http://{address}/", plain_key(program, data), directory)
        finally:
            server.terminate()
            server.wait(30)


def wait_until_ready(url):
    late = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < late:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.2)
    sys.exit("the server does not become ready")


def plain_key(program, data):
    made = subprocess.run([program, "keys", "create", "visitor", "--data-dir", data], check=True, capture_output=True, text=True)
    return made.stdout.splitlines()[-1]


def photograph(url, key, directory):
    """Each photograph, in an order in which the gallery fills."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for name, size, scheme, act in SHOTS:
            context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(url)
            expect(page.locator("#readiness")).to_have_text("ready")
            act(page, key)
            file = directory / f"{name}.jpg"
            page.screenshot(path=file, type="jpeg", quality=80)
            print(f"{file}: {file.stat().st_size} bytes")
            assert file.stat().st_size < LARGEST, f"{file} is too large"
            context.close()
        browser.close()


def open_first(_page, _key):
    """What somebody sees who has given nothing yet."""


def fill(page, key, prompt):
    page.fill("#key", key)
    page.locator("#key").blur()
    page.fill("#prompt", prompt)
    page.fill("#seed", SEED)
    page.set_input_files("#file", FACE)
    expect(page.locator(".face.used")).to_have_count(1)


def generate(page, key, prompt=PROMPTS[0]):
    """An image under way, with a preview of a late step."""
    fill(page, key, prompt)
    # A preview is made only of what is not checked.
    page.click("#more summary")
    page.uncheck("[name=safety_checker]")
    page.click("#more summary")
    page.click("#make")
    page.wait_for_function("() => document.getElementById('bar').position > 0.6 && document.querySelector('.placeholder img')")


def finish(page, key, prompt=PROMPTS[1]):
    """An image that is ready, with those before it."""
    fill(page, key, prompt)
    page.click("#make")
    expect(page.locator("#images figure img")).to_have_count(1)
    page.locator("#images figure img").first.evaluate("image => image.decode()")
    expect(page.locator("#jobs img").first).to_be_visible()


def be_refused(page, key):
    """A photo without a face, refused at its field before anything is made."""
    page.fill("#key", key)
    page.locator("#key").blur()
    page.set_input_files("#file", FACELESS)
    expect(page.locator("[data-field=face_image] .error")).to_have_text("No face detected in the photo")


SHOTS = [
    ("start", WIDE, "light", open_first),
    ("generating", WIDE, "light", generate),
    ("result", WIDE, "light", finish),
    ("result-dark", WIDE, "dark", finish),
    ("error", WIDE, "light", be_refused),
    ("phone", PHONE, "light", finish),
    ("phone-generating", PHONE, "dark", generate),
]

if __name__ == "__main__":
    main()
