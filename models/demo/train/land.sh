#!/bin/sh
# Puts a checkpoint into the demo preset: export and checksums, golden, sheets, and the numbers of the evaluation.
# Usage: land.sh RUN UNET    RUN holds vae.white.pt, decoder.pt, vision.pt, safety.pt and embedder.pt; UNET is a checkpoint in it.
# PYTHON is the interpreter, FACEGEN the program, PHOTOGRAPHS the folder of fetch_photographs.py, PICTURES a folder for
# what the evaluation makes; PYTHONPATH needs IP-Adapter, as tests/golden/python/README.md says.
set -eu
run=$1 unet=$2
here=$(cd "$(dirname "$0")" && pwd)
repository=$here/../../..
decoder=""
if [ -f "$run/decoder.pt" ]; then decoder="--decoder $run/decoder.pt"; fi
cd "$here"
# shellcheck disable=SC2086
"$PYTHON" export.py --unet "$run/$unet" --vae "$run/vae.white.pt" $decoder --vision "$run/vision.pt" \
    --safety "$run/safety.pt" --embedder "$run/embedder.pt"
(cd "$repository/tests/golden/python" && "$PYTHON" trained.py &&
    "$PYTHON" trained.py --sheet "$repository/docs/demo/mutations.jpg" && "$PYTHON" trained.py --program "$FACEGEN")
"$PYTHON" sheets.py --facegen "$FACEGEN"
"$PYTHON" evaluate.py faces --facegen "$FACEGEN" --photographs "$PHOTOGRAPHS" --out "$PICTURES" \
    | tee evaluation/faces.json
"$PYTHON" plot.py --run "$run" --out "$repository/docs/demo/training.png"
