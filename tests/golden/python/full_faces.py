"""SCRFD_10G_KPS and IResNet-50 in full size with random weights, and what onnxruntime makes of them.

Usage: python full_faces.py FOLDER

For a comparison by hand, too large to commit. `FOLDER` then holds `det_10g.onnx` and `w600k_r50.onnx` with the graphs
and numbers of weights of insightface's buffalo_l, and `full_faces.safetensors` with the results on the astronaut's
photograph. `vision::full::a_folder_of_full_networks_computes_what_onnxruntime_does` reads that folder.
"""

import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from common import set_up
from faces_networks import FULL, export_iresnet, export_scrfd, full_iresnet, run, scrfd, session, waves, weights
from vision_arcface import crop, embedding
from vision_photographs import photograph
from vision_scrfd import ODD, blob, cut, detect, large_canvas

# Elements of the folded networks; of two pairs of equal biases the file keeps one each.
SCRFD_WEIGHTS, IRESNET_WEIGHTS = 4_225_937 - 2 * FULL.neck, 43_590_976


def add_scrfd(folder, results):
    path, picture = folder / "det_10g.onnx", photograph("astronaut.png")
    canvas = large_canvas(picture)
    export_scrfd(scrfd(FULL, blob(canvas), seed=1, share=0.001), path)
    print(f"det_10g.onnx: {weights(path)} weights, {path.stat().st_size} bytes")
    for name, pixels in {"large": canvas, "odd": cut(picture, ODD)}.items():
        for index, output in enumerate(run(session(path), blob(pixels))):
            results[f"{name}.{index}"] = output.contiguous()
    results["scores"], results["faces"], count = detect(path, picture, 640)
    print(f"  {count} faces")
    loaded, values = session(path), blob(canvas)
    started = time.perf_counter()
    run(loaded, values)
    print(f"  {time.perf_counter() - started:.3f} s at 640 in onnxruntime on one thread")


def add_iresnet(folder, results):
    path = folder / "w600k_r50.onnx"
    export_iresnet(full_iresnet(waves(2, 112, 32), seed=8), path)
    print(f"w600k_r50.onnx: {weights(path)} weights, {path.stat().st_size} bytes")
    results["embedding"] = embedding(path, crop())


def main(folder):
    set_up()
    torch.set_num_threads(2)
    folder.mkdir(parents=True, exist_ok=True)
    results = {}
    add_scrfd(folder, results)
    add_iresnet(folder, results)
    assert weights(folder / "det_10g.onnx") == SCRFD_WEIGHTS
    assert weights(folder / "w600k_r50.onnx") == IRESNET_WEIGHTS
    save_file(results, folder / "full_faces.safetensors")


# Not for make_all.sh: there is a folder to name.
main(Path(sys.argv[1]))
