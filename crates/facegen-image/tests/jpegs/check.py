"""Compares the grid with the reference reader, libjpeg-turbo.

In a directory with Pillow 13.0.0:
cargo test -p facegen-outbound --test jpegs -- --ignored write_the_grid
python check.py TARGET/tmp/grid > grid.sha256
"""

import hashlib
import pathlib
import sys

import numpy
from PIL import Image

directory = pathlib.Path(sys.argv[1])
hasher = hashlib.sha256()
worst = 0.0
lines = (directory / "index").read_text().splitlines()
for line in lines:
    number, name = line.split("\t")
    file = directory / f"{number}.jpg"
    hasher.update(file.read_bytes())
    seen = numpy.asarray(Image.open(file).convert("RGB")).astype(int)
    shown = numpy.fromfile(directory / f"{number}.rgb", numpy.uint8).reshape(seen.shape)
    distance = abs(seen - shown).mean()
    worst = max(worst, distance)
    if distance > 0.5:
        sys.exit(f"{name}: {distance} levels apart")
print(f"{len(lines)} files, {worst:.2f} levels apart at most", file=sys.stderr)
print(hasher.hexdigest())
