"""Brings the ten photographs of the evaluation into a folder; six of them may not lie in this repository."""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]


def download(package, folder):
    """The source distribution of a package, unpacked nowhere."""
    name = package.split("==")[0]
    options = ["--quiet", "--no-deps", "--no-binary", name, "--dest", folder]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=True)
    return next(path for path in Path(folder).iterdir() if path.name.replace("_", "-").startswith(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    photographs = json.loads((HERE / "evaluation/plan.json").read_text())["photographs"]
    for package in {package for _, package, _ in photographs}:
        wanted = [(name, path) for name, source, path in photographs if source == package]
        if package == "repository":
            for name, path in wanted:
                shutil.copy(REPOSITORY / path, folder / f"{name}{Path(path).suffix}")
            continue
        with tempfile.TemporaryDirectory() as scratch, tarfile.open(download(package, scratch)) as archive:
            root = archive.getnames()[0].split("/")[0]
            for name, path in wanted:
                data = archive.extractfile(f"{root}/{path}").read()
                (folder / f"{name}{Path(path).suffix}").write_bytes(data)


if __name__ == "__main__":
    main()
