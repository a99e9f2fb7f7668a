"""Measures what `facegen generate` makes of the photographs and prompts in evaluation/plan.json.

faces       one face found in how many pictures, and whether skin and hair follow the photographs
attributes  whether named backgrounds, hair, glasses and hats are there
negative    whether a thing that is there goes away when the negative prompt names it
identity    whether pictures of drawn people are nearer to their own person than to others
s_scale     the same at 0 and at 2

Pictures that are there already are not made again, so that an evaluation may be stopped and go on.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from portraits import judges, painter
from portraits.yunet import YuNet

HERE = Path(__file__).parent
PLAN = json.loads((HERE / "evaluation/plan.json").read_text())


def generate(args, face, prompt, seed, out, negative="", size=(512, 512), s_scale=1):
    """A picture of the command line's program, as an array."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        command = [args.facegen, "generate", "--models-dir", args.models, "--preset", "demo", "--face", face]
        command += ["--prompt", prompt, "--negative-prompt", negative, "--seed", seed, "--out", out]
        command += ["--width", size[0], "--height", size[1], "--safety-checker", "false", "--s-scale", s_scale]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return np.asarray(Image.open(out).convert("RGB"))


def photographs(args):
    """Name and file of each photograph of the plan."""
    found = {path.stem: path for path in Path(args.photographs).iterdir()}
    return [(name, found[name]) for name, _, _ in PLAN["photographs"]]


def load(path):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def ranks(values):
    return np.argsort(np.argsort(values)).astype(float)


def rank_correlation(one, other):
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def faces(args):
    """Every photograph with every prompt."""
    detector, found, scores = YuNet(), [], []
    before, after = {"skin": [], "hair": []}, {"skin": [], "hair": []}
    for number, (name, path) in enumerate(photographs(args)):
        source = load(path)
        for part, value in judges.tones(source, detector(source)[0]).items():
            before[part].append(value)
        made = {"skin": [], "hair": []}
        for k, prompt in enumerate(PLAN["prompts"][: args.count]):
            seed = PLAN["first_seed"] + 10 * number + k
            picture = generate(args, path, prompt, seed, args.out / f"faces/{name}-{k}.png", size=args.size)
            detected = detector(picture)
            found.append(len(detected))
            if detected:
                scores.append(detected[0][0])
                for part, value in judges.tones(picture, detected[0]).items():
                    made[part].append(value)
        for part, values in made.items():
            after[part].append(float(np.mean(values)) if values else 0.0)
    return {
        "pictures": len(found),
        "with_one_face": sum(count == 1 for count in found),
        "with_any_face": sum(count > 0 for count in found),
        "mean_score": float(np.mean(scores)),
        "skin_rank_correlation": rank_correlation(before["skin"], after["skin"]),
        "hair_rank_correlation": rank_correlation(before["hair"], after["hair"]),
        "tones_before": {part: np.round(values).tolist() for part, values in before.items()},
        "tones_after": {part: np.round(values).tolist() for part, values in after.items()},
    }


def attribute_pictures(args, attribute):
    """Forty pictures that should show a value of an attribute: value, prompt, face, seed, picture."""
    template, values = PLAN["attributes"][attribute]
    people = photographs(args)
    for k in range(args.count or PLAN["attribute_pictures"]):
        value, noun = values[k % len(values)], ("man", "woman")[k // len(values) % 2]
        prompt, seed = template.format(noun=noun, value=value), PLAN["attribute_seed"] + k
        path = people[k % len(people)][1]
        yield value, prompt, path, seed, generate(args, path, prompt, seed, args.out / f"{attribute}/{k}.png")


def attributes(args):
    """The share of pictures in which what the prompt names is found by the judges."""
    result, judge = {}, judges.Judge(args.judge)
    for attribute in args.only or PLAN["attributes"]:
        right = [judge.shows(attribute, value, picture) for value, *_, picture in attribute_pictures(args, attribute)]
        result[attribute] = {"pictures": len(right), "right": int(sum(right))}
    return result


def negative(args):
    """Of pictures that show the thing, how many lack it, and still a face, once the negative prompt names it."""
    result, detector, judge = {}, YuNet(), judges.Judge(args.judge)
    for attribute in ("glasses", "hat"):
        shown = gone = 0
        for k, (value, prompt, path, seed, picture) in enumerate(attribute_pictures(args, attribute)):
            if not judge.shows(attribute, value, picture):
                continue
            shown += 1
            plain = prompt.split(" wearing")[0] + "," + prompt.split(",")[1]
            without = generate(args, path, plain, seed, args.out / f"{attribute}-negative/{k}.png", value)
            gone += not judge.shows(attribute, value, without) and len(detector(without)) == 1
        result[attribute] = {"shown": shown, "gone": gone}
    return result


def identity(args, s_scale=1):
    """Two pictures of each of twenty drawn people: how often a picture is nearer to its person than to another, and how
    near it is."""
    judge, first, people, made = judges.Judge(args.judge), PLAN["drawn_faces"]["people_from"], [], []
    for k in range(PLAN["drawn_faces"]["count"]):
        face = args.out / f"identity/person-{k}.png"
        face.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painter.paint(painter.identity(first + k), painter.variation(first + k))).save(face)
        people.append(judge.embedding(load(face)))
        for n, prompt in enumerate(PLAN["prompts"][:2]):
            name = f"{k}-{n}.png" if s_scale == 1 else f"{k}-{n}-{s_scale}.png"
            seed, out = PLAN["first_seed"] + 2 * k + n, args.out / "identity" / name
            made.append((k, judge.embedding(generate(args, face, prompt, seed, out, s_scale=s_scale))))
    near = lambda one, other: torch.nn.functional.cosine_similarity(one, other).item()
    pairs = [
        near(embedding, people[k]) > near(embedding, people[other])
        for k, embedding in made
        if embedding is not None
        for other in range(len(people))
        if other != k
    ]
    return {
        "pictures": len(made),
        "with_a_face": sum(e is not None for _, e in made),
        "pairs": len(pairs),
        "right": sum(pairs),
        "mean_similarity": float(np.mean([near(e, people[k]) for k, e in made if e is not None])),
    }


def s_scale(args):
    """Identity without the structure of the face, and with twice as much."""
    return {str(value): identity(args, value) for value in (0, 2)}


PARTS = {part.__name__: part for part in (faces, attributes, negative, identity, s_scale)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(PARTS))
    parser.add_argument("--facegen", required=True, help="the program")
    parser.add_argument("--models", default=HERE.parents[1])
    parser.add_argument("--photographs", required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512))
    parser.add_argument("--count", type=int, help="so many prompts a photograph, or pictures an attribute")
    parser.add_argument("--judge", help="the second embedder, the path without its ending; colours need none")
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    print(json.dumps({args.what: PARTS[args.what](args)}, indent=1))


if __name__ == "__main__":
    main()
