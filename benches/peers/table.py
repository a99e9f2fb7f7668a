"""Judges what run.py measured, and writes it as a page and a plot.

    python table.py RESULTS... --page FILE.md --plot FILE.svg

Fails where facegen misses one of `BARS`, and says which and by how much. Distances of ../gpu/compare.py may be among the
results.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from run import HALF_FLAGS

# Most of OpenVINO's time, by what is computed in which dtype, at the size and number of threads of SETTING. Those of bf16
# are for processors with instructions for it.
BARS = {
    ("unet", "f32"): 1.0, ("vae", "f32"): 1.0, ("unet", "bf16"): 1.0, ("vae", "bf16"): 1.0, ("picture", "bf16"): 0.9,
}  # fmt: skip
SETTING = ("512x512", 2)
JUDGE = "openvino"
NAMES = {"facegen": "facegen", "torch": "torch, channels last", "openvino": "OpenVINO", "candle": "candle-transformers"}
SHORT = {"unet": "a step", "vae": "decoding", "picture": "a whole image"}
WORK = {"unet": "UNet, a step with guidance", "vae": "VAE, decoding", "picture": "21 steps and the decoding"}


class Results:
    """Medians over the rounds, by what, dtype, size, threads and peer."""

    def __init__(self, paths):
        self.facts, self.rounds, self.distances = {}, defaultdict(list), []
        for line in (line for path in paths for line in path.read_text().splitlines()):
            result = json.loads(line)
            if result["by"] == "facts":
                self.facts = result
            elif "mean_distance" in result:
                self.distances.append(result)
            elif "seconds" in result:
                size = f"{result['width']}x{result['height']}"
                self.rounds[result["what"], result["dtype"], size, result["threads"], result["by"]].append(result)

    def median(self, *key, of="seconds"):
        values = [result[of] for result in self.rounds.get(key, []) if of in result]
        return statistics.median(values) if values else None

    def cases(self):
        """All but the peer, in the order of the page."""
        order = list(WORK)
        return sorted({key[:-1] for key in self.rounds}, key=lambda key: (order.index(key[0]), key[2], -key[3], key[1]))

    def peers(self):
        return [peer for peer in NAMES if any(key[-1] == peer for key in self.rounds)]


def judged(results):
    """A line for each bar, and whether it holds."""
    lines, has_half = [], set(HALF_FLAGS).intersection(results.facts["flags"])
    for (what, dtype), bar in BARS.items():
        if dtype == "bf16" and not has_half:
            lines.append((f"{SHORT[what]} in bf16: this processor has no instructions for it", True))
            continue
        case = what, dtype, *SETTING
        own, judge = (results.median(*case, peer) for peer in ("facegen", JUDGE))
        if own is None or judge is None:
            lines.append((f"{SHORT[what]} in {dtype}: not measured", False))
            continue
        ratio = own / judge
        verdict = "met" if ratio <= bar else "missed"
        lines.append((f"{SHORT[what]} in {dtype}: {ratio:.2f} of {NAMES[JUDGE]}, at most {bar}: {verdict}", ratio <= bar))
    return lines


def cell(results, case, peer):
    """Seconds, spread and ratio of one peer."""
    seconds = results.median(*case, peer)
    if seconds is None:
        return ""
    rounds = [result["seconds"] for result in results.rounds[*case, peer]]
    spread = f" ({min(rounds):.2f} to {max(rounds):.2f})" if len(rounds) > 1 else ""
    own = results.median(*case, "facegen")
    ratio = "" if peer == "facegen" or own is None else f", {own / seconds:.2f}"
    return f"{seconds:.2f}{spread}{ratio}"


def rows(results):
    """The table of seconds."""
    peers = results.peers()
    yield "| what | dtype | size | threads | " + " | ".join(NAMES[peer] for peer in peers) + " |"
    yield "|---|---|---|---|" + "---|" * len(peers)
    for case in results.cases():
        what, dtype, size, threads = case
        cells = " | ".join(cell(results, case, peer) for peer in peers)
        yield f"| {WORK[what]} | {dtype} | {size} | {threads} | {cells} |"


def memory(results):
    """The table of loading and memory, of one network in a process."""
    yield "| what | dtype | peer | loading, s | most memory, GB | page faults of a call |"
    yield "|---|---|---|---|---|---|"
    for what, dtype, size, threads in results.cases():
        if what == "picture" or (size, threads) != SETTING:
            continue
        for peer in results.peers():
            key = what, dtype, size, threads, peer
            load, peak = (results.median(*key, of=name) for name in ("load_seconds", "peak_bytes"))
            if load is not None and peak is not None:
                faults = results.median(*key, of="faults")
                faults = "" if faults is None else f"{faults:.0f}"
                yield f"| {WORK[what]} | {dtype} | {NAMES[peer]} | {load:.1f} | {peak / 1e9:.1f} | {faults} |"


def distances(results):
    """The table of distances from torch in f32."""
    yield "| result | dtype | by | largest | mean |"
    yield "|---|---|---|---|---|"
    for found in results.distances:
        largest, mean = (f"{found[name]:.1e}" for name in ("max_distance", "mean_distance"))
        yield f"| `{found['what']}` | {found['dtype']} | {found['by']} | {largest} | {mean} |"


def page(results, plot):
    """The whole page."""
    facts = results.facts
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    machine = f"{facts['date']}, {facts['processors']} processors of {facts['processor']} ({', '.join(facts['flags'])})"
    parts = [
        "# CPU speed\n\n<!-- Written by `cargo xtask verify peers`. -->",
        f"{machine};\n{versions}.\n\n"
        "The same random weights of Stable Diffusion 1.5's size, every measurement a process of its own, in turns; medians\n"
        "over the rounds in seconds, the fastest and the slowest round, and what facegen takes of the peer's time. facegen's\n"
        "step has the adapter, which the peers' have not. `benches/peers` has the programs.",
        f"![Seconds of a step and of a decoding]({plot.name})",
        "## Seconds",
        "\n".join(rows(results)),
        "## Bars",
        "\n".join(f"- {line}" for line, _ in judged(results)),
        "## Loading and memory",
        "Of one network in a process of its own. facegen maps weights that it packed before; torch maps its file.",
        "\n".join(memory(results)),
    ]  # fmt: skip
    if results.distances:
        parts += ["## Distance from torch in f32", "Over the standard deviation of the exact result."]
        parts += ["\n".join(distances(results))]
    return "\n\n".join(parts) + "\n"


def draw(results, path):
    """Bars of a step and of a decoding, by dtype and peer."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2))
    peers = results.peers()
    for axis, what in zip(axes, ("unet", "vae"), strict=True):
        for place, peer in enumerate(peers):
            heights = [results.median(what, dtype, *SETTING, peer) or 0.0 for dtype in ("f32", "bf16")]
            places = [number + (place - (len(peers) - 1) / 2) * 0.8 / len(peers) for number in (0, 1)]
            bars = axis.bar(places, heights, 0.76 / len(peers), label=NAMES[peer])
            axis.bar_label(bars, [f"{height:.1f}" if height else "" for height in heights])
        axis.set_xticks([0, 1], ["f32", "bf16"])
        axis.set_title(f"{WORK[what]}, s")
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(arguments):
    results = Results(arguments.results)
    arguments.page.write_text(page(results, arguments.plot))
    draw(results, arguments.plot)
    lines = judged(results)
    print("peers: " + "; ".join(line for line, _ in lines))
    missed = [line for line, is_met in lines if not is_met]
    sys.exit("\n".join(missed) if missed else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--plot", type=Path, required=True)
    main(parser.parse_args())
