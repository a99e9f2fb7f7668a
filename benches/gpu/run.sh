#!/usr/bin/env bash
# Measures facegen and diffusers on this machine's GPU, in stages of falling worth:
#
#     benches/gpu/run.sh [STAGE...]
#
# All stages without an argument. Each writes its results to $RESULTS at once and has a time limit; all together take at most
# $BUDGET seconds. A stage that fails does not stop the others. Exits 1 if a result was wrong: a golden, a distance from
# torch, or an image; or if a stage could not run.
#
# Run from a directory that `cargo xtask gpu-kit` made, or with PROGRAMS naming the directory of the programs `facegen`,
# `step` and `golden`. Needs NVIDIA's driver, the libraries of CUDA 13, and a Python with torch, transformers and pillow.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
PROGRAMS=${PROGRAMS:-$root/bin}
RESULTS=${RESULTS:-$root/results}
# Large: about 5 GB of checkpoints.
WORK=${WORK:-/tmp/facegen-gpu}
DEVICE=${DEVICE:-cuda:0}
PYTHON=${PYTHON:-python3}
BUDGET=${BUDGET:-480}
IMAGES=${IMAGES:-1,2,4,8,16}
SIZES=${SIZES:-512x512 512x768}
STEPS=${STEPS:-20}
# An idle GPU is at a fraction of its clock rate; a few steps are too short to raise it.
WARM_UP=${WARM_UP:-20}
DTYPES=${DTYPES:-f16 bf16}
# Options of checkpoints.py, such as --tiny.
CHECKPOINTS=${CHECKPOINTS:-}

ALL=(facts checkpoints goldens step eager compare images server compiled)
face=$root/tests/assets/photographs/astronaut.png
checkpoints=$WORK/checkpoints
mkdir -p "$RESULTS" "$WORK" || exit 1

facts() {
    "$PYTHON" "$here/facts.py" --results "$RESULTS/facts.jsonl" && nvidia-smi
}

checkpoints() {
    "$PYTHON" "$here/checkpoints.py" "$checkpoints" --models "$root/models" --device "$DEVICE" \
        --results "$RESULTS/checkpoints.jsonl" $CHECKPOINTS
}

goldens() {
    # Those that are ignored elsewhere; they take the first GPU.
    CARGO_MANIFEST_DIR=$root "$PROGRAMS/golden" --ignored --test-threads 1 --nocapture gpu::
}

adapter_options() {
    echo --adapter "$checkpoints/adapter/ip-adapter-faceid-plusv2_sd15.bin" --lora-rank \
        "$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["lora_rank"])' "$checkpoints/adapter/config.json")"
}

step() {
    local adapter status=0 dtype size images
    adapter=$(adapter_options)
    for dtype in $DTYPES; do
        for size in $SIZES; do
            images=$IMAGES
            [ "$size" = "${SIZES%% *}" ] || images=1
            "$PROGRAMS/step" --unet "$checkpoints/unet" --vae "$checkpoints/vae" $adapter --device "$DEVICE" \
                --dtype "$dtype" --size "$size" --images "$images" --steps "$STEPS" --warm-up "$WARM_UP" |
                tee -a "$RESULTS/step.jsonl" || status=1
        done
    done
    return $status
}

eager() {
    "$PYTHON" "$here/baseline.py" "$checkpoints" --device "$DEVICE" --images "$IMAGES" --sizes "${SIZES// /,}" \
        --steps "$STEPS" --warm-up "$WARM_UP" --results "$RESULTS/eager.jsonl"
}

compare() {
    local adapter dtype status=0
    adapter=$(adapter_options)
    for dtype in $DTYPES; do
        "$PROGRAMS/step" --unet "$checkpoints/unet" --vae "$checkpoints/vae" $adapter --device "$DEVICE" \
            --dtype "$dtype" --input "$checkpoints/input.safetensors" --dump "$WORK/dump-$dtype.safetensors" || status=1
    done
    "$PYTHON" "$here/compare.py" "$checkpoints" "$WORK"/dump-*.safetensors --device "$DEVICE" \
        --results "$RESULTS/compare.jsonl" || status=1
    return $status
}

images() {
    "$PYTHON" "$here/images.py" "$PROGRAMS/facegen" "$checkpoints" --models "$root/models" --face "$face" \
        --out "$WORK/images" --device "$DEVICE" \
        --sizes "${SIZES// /,}" --results "$RESULTS/images.jsonl"
    local status=$?
    cp "$WORK"/images/*.png "$RESULTS/" 2>/dev/null
    return $status
}

server() {
    "$PYTHON" "$here/server.py" "$PROGRAMS/facegen" "$checkpoints" --face "$face" --out "$WORK/server" \
        --device "$DEVICE" --size "${SIZES%% *}" --results "$RESULTS/server.jsonl" ${SERVER:-}
    local status=$?
    cp "$WORK/server/server.log" "$RESULTS/" 2>/dev/null
    return $status
}

compiled() {
    "$PYTHON" "$here/baseline.py" "$checkpoints" --device "$DEVICE" --images "${COMPILED_IMAGES:-1,4}" \
        --sizes "${SIZES%% *}" --steps "$STEPS" --warm-up "$WARM_UP" --compile "${COMPILE:-reduce-overhead}" \
        --results "$RESULTS/compiled.jsonl"
}

# Seconds that a stage may take.
limit() {
    case $1 in
    facts) echo 30 ;; checkpoints) echo 90 ;; goldens) echo 120 ;; step) echo 90 ;; eager) echo 90 ;; compare) echo 60 ;;
    images) echo 90 ;; server) echo 90 ;; compiled) echo 180 ;; *) return 1 ;;
    esac
}

note() {
    printf '{"by": "stages", "stage": "%s", "result": "%s", "seconds": %d}\n' "$1" "$2" "$3" | tee -a "$RESULTS/stages.jsonl"
}

# A stage runs in a shell of its own, so that timeout can end it with all that it started.
if [ "${1:-}" = --stage ]; then
    set -o pipefail
    "$2"
    exit
fi

# The packages that Python lacks.
for wheel in "$root"/wheels/*.whl; do
    [ -e "$wheel" ] && "$PYTHON" -m zipfile -e "$wheel" "$WORK/site"
done
export PYTHONPATH="$WORK/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
# What the driver compiles is kept for the next process.
export CUDA_CACHE_PATH="$WORK/jit" CUDA_CACHE_MAXSIZE=1073741824
# The libraries that came with torch.
nvidia=$("$PYTHON" -c 'import nvidia, pathlib
print(":".join(str(lib) for part in nvidia.__path__ for lib in pathlib.Path(part).glob("*/lib")))' 2>/dev/null)
export LD_LIBRARY_PATH="${nvidia:+$nvidia:}${LD_LIBRARY_PATH:-}"

stages=("$@")
[ $# -gt 0 ] || stages=("${ALL[@]}")
for stage in "${stages[@]}"; do
    limit "$stage" >/dev/null || { echo "there is no stage $stage: ${ALL[*]}" >&2; exit 2; }
done
began=$SECONDS status=0
for stage in "${stages[@]}"; do
    left=$((BUDGET - (SECONDS - began))) seconds=$(limit "$stage")
    if [ $left -lt 5 ]; then
        note "$stage" "skipped: no time left" 0
        status=1
        continue
    fi
    echo "==> $stage"
    started=$SECONDS
    timeout --kill-after=5 $((seconds < left ? seconds : left)) "$here/run.sh" --stage "$stage" 2>&1 | tee "$RESULTS/$stage.log"
    code=${PIPESTATUS[0]}
    case $code in
    0) note "$stage" succeeded $((SECONDS - started)) ;;
    124 | 137) note "$stage" "stopped at its limit" $((SECONDS - started)) ;;
    *) note "$stage" "failed with $code" $((SECONDS - started)) ;;
    esac
    [ "$code" = 0 ] || status=1
done
"$PYTHON" "$here/table.py" "$RESULTS" | tee "$RESULTS/table.md"
exit $status
