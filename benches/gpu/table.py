"""One table of all results, with ratios.

    python table.py RESULTS

`RESULTS` is the directory that run.sh wrote to. A ratio above 1 says how often facegen is faster.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def read(directory):
    """Every result, in the order of the files."""
    lines = [line for path in sorted(directory.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def column(result):
    """Whose time it is, with what distinguishes it."""
    if result["by"] == "facegen":
        kernels = result.get("kernels", "own")
        return f"facegen {result['dtype']}" + (f", {kernels}" if kernels != "own" else "")
    parts = [result["by"], result.get("layout"), result.get("attention")]
    return ", ".join(part for part in parts if part and part not in ("default", "contiguous"))


def row(result):
    what = {"unet": "step", "vae": "decode"}[result["what"]]
    adapter = {True: ", adapter", False: ", no adapter", None: ""}[result.get("has_adapter")]
    return f"{what}, {result['width']}x{result['height']}, {result['images']} images{adapter}"


def markdown(header, rows):
    """A table, nothing without rows."""
    if not rows:
        return
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for cells in rows:
        print("| " + " | ".join(str(cell) for cell in cells) + " |")
    print()


def times(results):
    """Milliseconds by row and column, and the ratio of the best of diffusers to facegen."""
    table = defaultdict(dict)
    for result in results:
        if result.get("what") in ("unet", "vae") and ("median_ms" in result or "error" in result):
            table[row(result)][column(result)] = result.get("median_ms")
    columns = list(dict.fromkeys(name for cells in table.values() for name in cells))
    ours = [name for name in columns if name.startswith("facegen")]
    others = [name for name in columns if name not in ours]
    groups = {"eager": [name for name in others if "compiled" not in name]}
    groups["compiled"] = [name for name in others if "compiled" in name]
    images = {row(result): result["images"] for result in results if result.get("what") in ("unet", "vae")}
    rows = []
    for name, cells in table.items():
        shown = [f"{cells[key]:.2f}" if cells.get(key) else "failed" if key in cells else "-" for key in columns]
        own = [cells[key] for key in ours if cells.get(key)]
        ratios = []
        for group in groups.values():
            best = [cells[key] for key in group if cells.get(key)]
            ratios.append(f"{min(best) / min(own):.2f}" if best and own else "-")
        each = f"{min(own) / images[name]:.2f}" if own else "-"
        rows.append([name, *shown, each, *ratios])
    ratios = (f"best {group} / best facegen" for group in groups)
    markdown(["ms", *columns, "best facegen, an image", *ratios], rows)


def memory(results):
    """The most memory of the device."""
    rows = [
        [row(result), column(result), f"{result['device_bytes'] / 1e9:.2f}"]
        for result in results
        if result.get("what") in ("unet", "vae") and result.get("device_bytes")
    ]
    markdown(["GB of the device", "by", "at most"], rows)


def distances(results):
    rows = [
        [result["what"], result["by"], result["dtype"], f"{result['mean_distance']:.2e}", f"{result['max_distance']:.2e}",
         {True: "near", False: "**off**"}.get(result.get("is_near"), "")]
        for result in results
        if "mean_distance" in result
    ]  # fmt: skip
    markdown(["distance from torch in f32, deviations", "by", "dtype", "mean", "most", ""], rows)


def images(results):
    rows = []
    for result in results:
        if result.get("what") != "image":
            continue
        if "error" in result:
            rows.append(["failed", "", "", "", "", result["error"]])
            continue
        seconds = result["seconds"]
        near = {True: "near", False: "**off**"}.get(result.get("is_near"), "")
        apart = f"{result['mean_levels']:.3f} mean, {result['most_levels']:.0f} most, {near}" if near else ""
        size = f"{result['width']}x{result['height']}"
        rows.append([result["preset"], result["device"], size, f"{seconds['denoising']:.3f}", f"{seconds['total']:.3f}", apart])
    markdown(["image of 21 steps", "device", "size", "denoising s", "total s", "levels from the CPU"], rows)


def server(results):
    rows = [
        [result.get("clients", ""), f"{result['images_a_minute']:.1f}" if "images" in result else "failed",
         f"{result['median_seconds']:.2f}" if "median_seconds" in result else "-",
         f"{result['p95_seconds']:.2f}" if "p95_seconds" in result else "-", result.get("error") or ""]
        for result in results
        if result.get("what") == "server"
    ]  # fmt: skip
    markdown(["clients", "images a minute", "median s", "95 % s", "error"], rows)


def main(directory):
    results = read(directory)
    for result in results:
        if result["by"] == "facts":
            print(", ".join(f"{name}: {value}" for name, value in result.items() if name != "by" and value), end="\n\n")
    for table in (times, distances, images, server, memory):
        table(results)
    stages = [result for result in results if result["by"] == "stages"]
    markdown(["stage", "result", "s"], [[stage["stage"], stage["result"], stage["seconds"]] for stage in stages])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
