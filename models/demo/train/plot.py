"""Plots the errors of the UNet's training, stage after stage, from its logs. Needs no plotting library."""

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw

WIDTH, HEIGHT, MARGIN = 900, 420, 50
STAGES = [("u16", "128 px"), ("u32", "256 px"), ("u64", "512 px"), ("u64_more", "512 px again"), ("u64_third", "and again")]
COLOURS = ["#1f6fb4", "#d1731f", "#2f8f4e", "#8a4fbf", "#b0413e"]


def curve(path):
    """Step and error of each line of a log."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(line["step"], line["error"], line["cpu"]) for line in lines]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    curves = [(label, curve(args.run / f"{name}.log")) for name, label in STAGES]
    total = sum(points[-1][0] for _, points in curves if points)
    low, high = 0.04, 0.32
    at = lambda step, error: (
        MARGIN + (WIDTH - 2 * MARGIN) * step / max(total, 1),
        HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (min(max(error, low), high) - low) / (high - low),
    )
    for tick in range(4, 33, 4):
        left, right = at(0, tick / 100), at(total, tick / 100)
        draw.line([left, right], fill="#dddddd")
        draw.text((8, left[1] - 6), f"{tick / 100:.2f}", fill="black")
    done = 0
    for (label, points), colour in zip(curves, COLOURS):
        if not points:
            continue
        draw.line([at(done + step, error) for step, error, _ in points], fill=colour, width=2)
        draw.text((at(done, low)[0] + 6, HEIGHT - MARGIN + 8), f"{label}: {points[-1][0]} steps", fill=colour)
        done += points[-1][0]
    draw.text((MARGIN, 16), "error of the predicted noise (plain mean square, all timesteps)", fill="black")
    picture.save(args.out)


if __name__ == "__main__":
    main()
