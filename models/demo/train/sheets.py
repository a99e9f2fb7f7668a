"""Draws what the documentation shows, by `facegen generate`: the sheet holds every prompt and seed that is named here."""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

REPOSITORY = Path(__file__).parents[3]
PHOTOGRAPHS = ["astronaut.png", "person_b_2.jpg", "impostor_1.jpg", "person_a_2.jpg"]
PROMPTS = [
    "a portrait of a person, grey background",
    "green background, a portrait of a person wearing glasses, smiling",
    "a person at the beach, wearing a red sweater",
    "a person in a library, wearing a hat",
]
SEEDS = [1, 2]
# The picture that README begins with: chosen from those of the sheet, as it says there.
PICTURE = ("astronaut.png", PROMPTS[2], 2)
TILE, LABEL = 256, 18


def generate(program, face, prompt, seed, out):
    command = [program, "generate", "--models-dir", REPOSITORY / "models", "--preset", "demo", "--seed", seed]
    command += ["--face", REPOSITORY / "tests/assets/photographs" / face, "--prompt", prompt, "--out", out]
    command += ["--safety-checker", "false"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return Image.open(out).convert("RGB")


def photograph(face):
    source = ImageOps.exif_transpose(Image.open(REPOSITORY / "tests/assets/photographs" / face)).convert("RGB")
    return ImageOps.fit(source, (TILE, TILE), centering=(0.5, 0.3))


def draw_sheet(program, folder):
    """A column for each photograph, and below it a row for each prompt and seed."""
    rows = [(prompt, seed) for prompt in PROMPTS for seed in SEEDS]
    height = TILE + len(rows) * (TILE + LABEL)
    sheet = Image.new("RGB", (TILE * len(PHOTOGRAPHS), height), "white")
    for column, face in enumerate(PHOTOGRAPHS):
        sheet.paste(photograph(face), (column * TILE, 0))
        for row, (prompt, seed) in enumerate(rows):
            top = TILE + row * (TILE + LABEL)
            picture = generate(program, face, prompt, seed, Path(folder) / f"{column}-{row}.png")
            sheet.paste(picture.resize((TILE, TILE), Image.LANCZOS), (column * TILE, top + LABEL))
            if column == 0:
                ImageDraw.Draw(sheet).text((4, top + 3), f"{prompt}, seed {seed}", fill="black")
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facegen", required=True, help="the program")
    args = parser.parse_args()
    docs = REPOSITORY / "docs/demo"
    docs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        face, prompt, seed = PICTURE
        generate(args.facegen, face, prompt, seed, Path(folder) / "portrait.png").save(
            docs / "portrait.jpg", quality=92
        )
        draw_sheet(args.facegen, folder).save(docs / "sheet.jpg", quality=85)


if __name__ == "__main__":
    main()
