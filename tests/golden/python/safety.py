"""The safety checker: cosines, scores and flags of four pictures with thresholds placed right at the edge.

Source: diffusers `StableDiffusionSafetyChecker` and transformers' Pillow-based `CLIPImageProcessorPil`. The pictures are
cut from the committed `astronaut.png`, so that none is stored. Scores are recorded where the original rounds them.

Embeddings of concepts are drawn until every picture is the nearest one to some of them; then the thresholds are placed
relative to the nearest picture, so that each picture stands for one case:

| picture | case | flagged |
|---|---|---|
| `special` | a special-care concept hits; its 0.01 lifts a later one and a concept over their thresholds | yes |
| `above` | 0.0006 above a threshold, 0.001 when rounded | yes |
| `rounded` | 0.0004 above a threshold, nothing when rounded | no |
| `below` | 0.0006 below a threshold | no |
"""

import copy
import json

import numpy
import torch
from diffusers.pipelines.stable_diffusion import safety_checker
from PIL import Image
from transformers import CLIPConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import weights
from clip_vision import RULES
from common import Golden, set_up, write_json
from probe import Probe
from vision_photographs import photograph
from weights import gain

# Left, top, width, height; and whether the colours are inverted.
PICTURES = {
    "special": (0, 0, 512, 512, False),
    "above": (150, 40, 140, 210, False),
    "rounded": (100, 250, 360, 240, True),
    "below": (300, 10, 150, 400, False),
}
CONCEPTS, SPECIALS = 17, 3
# How far apart the cosines of the nearest picture and of the next are at least.
GAP = 0.02
# What a score that decides nothing is below its threshold.
AWAY = -0.0123


def pictures():
    """The four pictures, each of its own shape."""
    whole = photograph("astronaut.png")
    cut = lambda left, top, width, height: numpy.ascontiguousarray(whole[top : top + height, left : left + width])
    return [255 - cut(*box) if inverted else cut(*box) for *box, inverted in PICTURES.values()]


def pixel_values(images, **options):
    """What the checker is fed, by the image processor of its repository."""
    processor = CLIPImageProcessorPil(**options)
    values = [processor(Image.fromarray(image), return_tensors="pt").pixel_values for image in images]
    return torch.cat(values)


def published(name):
    """The name in the published checkpoint: transformers 5 has one level less in memory."""
    return f"vision_model.{name}" if name.startswith("vision_model.") else name


def build():
    """A tiny checker with synthetic weights; its thresholds come later."""
    vision = {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128, "num_attention_heads": 4}
    vision |= {"patch_size": 14, "image_size": 224, "hidden_act": "quick_gelu"}
    model = safety_checker.StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=32))
    write_json("safety.config.json", json.loads(model.config.to_json_string(use_diff=False)))
    shapes = {published(name): shape for name, shape in weights.shapes(model).items()}
    thresholds = [name for name in shapes if name.endswith("embeds_weights")]
    shapes = {name: shape for name, shape in shapes.items() if name not in thresholds}
    specification = weights.specify(shapes, [*RULES, (r"_embeds$", gain(1.0))])
    return model.eval(), specification


def fill(model, specification):
    """Fill everything but the thresholds."""
    state = model.state_dict()
    for name in state:
        if published(name) in specification:
            state[name] = weights.tensor(published(name), specification[published(name)])
    model.load_state_dict(state)


def cosines(model, pixels):
    """`[pictures, specials + concepts]`, special care first."""
    embeds = model.visual_projection(model.vision_model(pixels)[1])
    table = torch.cat([model.special_care_embeds, model.concept_embeds])
    return safety_checker.cosine_distance(embeds, table)


def nearest(values):
    """The nearest picture of every column, and how much farther the next one is."""
    top = values.topk(2, dim=0)
    return top.indices[0], top.values[0] - top.values[1]


def draw(model, specification, pixels):
    """Draw both tables of embeddings, and place the thresholds."""
    for name, suits in (("special_care_embeds", special_suits), ("concept_embeds", concepts_suit)):
        entry = specification[name]
        for number in range(100_000):
            entry["seed_name"] = f"{name}.{number}"
            fill(model, {name: entry})
            columns = cosines(model, pixels)
            columns = columns[:, :SPECIALS] if name.startswith("special") else columns[:, SPECIALS:]
            if suits(*nearest(columns)):
                break
        else:
            raise AssertionError(f"no {name} suit")


def special_suits(indices, gaps):
    return bool((indices == 0).all() and (gaps > GAP).all())


def concepts_suit(indices, gaps):
    counts = [int(((indices == picture) & (gaps > GAP)).sum()) for picture in range(len(PICTURES))]
    return min(counts) >= 2


def place(model, pixels):
    """Thresholds relative to the nearest picture; the first well separated concept of each picture is its case."""
    values = cosines(model, pixels)
    indices, gaps = nearest(values)
    # The first special just misses, the second hits, the third hits only by what the second adds.
    above = torch.full([SPECIALS + CONCEPTS], AWAY)
    above[:SPECIALS] = torch.tensor([-0.0006, 0.0207, -0.0083])
    # `special` gains 0.01 at every concept: its case is below by less than that, all else of it by more.
    cases = [-0.0063, 0.0006, 0.0004, -0.0006]
    for picture, case in enumerate(cases):
        mine = [c for c in range(SPECIALS, len(above)) if indices[c] == picture and gaps[c] > GAP]
        above[mine[0]] = case
    thresholds = values.max(dim=0).values - above
    model.special_care_embeds_weights.data.copy_(thresholds[:SPECIALS])
    model.concept_embeds_weights.data.copy_(thresholds[SPECIALS:])


def run(model, pixels, rounding=round):
    """Scores `[pictures, specials + concepts]` and flags, by the original; its `round` is watched, or replaced."""
    scores = []

    def watched(value, digits):
        scores.append(rounding(value, digits))
        return scores[-1]

    safety_checker.round = watched
    _, flags = model(pixels, [numpy.zeros((1, 1, 3)) for _ in pixels])
    del safety_checker.round
    return torch.tensor(numpy.float32(scores).reshape(len(pixels), -1)), torch.tensor(flags, dtype=torch.uint8)


def score(model, values, adjustment=0.01, lifts=("special", "concept")):
    """The original's rule, with a fault: another adjustment, or one that not all feel that come after it."""
    scores, flags = [], []
    for row in values.numpy():
        raised = {"special": 0.0, "concept": 0.0}
        for column, cosine in enumerate(row):
            kind = "special" if column < SPECIALS else "concept"
            thresholds = model.special_care_embeds_weights if kind == "special" else model.concept_embeds_weights
            threshold = thresholds[column if kind == "special" else column - SPECIALS].item()
            scores.append(round(cosine - threshold + raised[kind], 3))
            if kind == "special" and scores[-1] > 0:
                raised |= dict.fromkeys(lifts, adjustment)
        flags.append(any(value > 0 for value in scores[-CONCEPTS:]))
    return torch.tensor(numpy.float32(scores).reshape(values.shape)), torch.tensor(flags, dtype=torch.uint8)


def faulty_networks(model):
    """The same weights in another network."""
    gelu, normless = copy.deepcopy(model), copy.deepcopy(model)
    for layer in gelu.vision_model.encoder.layers:
        layer.mlp.activation_fn = torch.nn.GELU()
    normless.vision_model.post_layernorm = torch.nn.Identity()
    return {"gelu_erf": gelu, "no_post_layernorm": normless}


def faulty_pictures(images):
    """The same pictures, prepared otherwise."""
    squashed = [numpy.asarray(Image.fromarray(image).resize((224, 224), Image.BICUBIC)) for image in images]
    return {
        "channels_swapped": pixel_values([numpy.ascontiguousarray(image[:, :, ::-1]) for image in images]),
        "squashed": pixel_values(squashed),
        "bilinear": pixel_values(images, resample=Image.BILINEAR),
    }


def check_distance_to_rounding(model, values):
    """No score may lie so near the edge of a rounding step that f32 decides."""
    thresholds = torch.cat([model.special_care_embeds_weights, model.concept_embeds_weights])
    for adjustment in (0.0, 0.01):
        thousandths = (values - thresholds + adjustment).double() * 1000
        edge = ((thousandths - 0.5) - (thousandths - 0.5).round()).abs()
        assert edge.min() > 0.003, edge.min()


def main():
    set_up()
    images = pictures()
    pixels = pixel_values(images)
    model, specification = build()
    fill(model, specification)
    probe = Probe("safety", model, ["patch_embedding$", "self_attn$", "mlp$", "visual_projection$"])
    model.visual_projection(model.vision_model(pixels)[1])
    probe.report()
    draw(model, specification, pixels)
    weights.write("safety.weights", specification)
    place(model, pixels)

    values = cosines(model, pixels)
    check_distance_to_rounding(model, values)
    scores, flags = run(model, pixels)
    assert flags.tolist() == [1, 1, 0, 0], (flags, scores)
    own_scores, own_flags = score(model, values)
    assert torch.equal(own_scores, scores) and torch.equal(own_flags, flags), "the rule is the original's"

    golden = Golden("safety", ["safety"])
    golden.input("special_care_embeds_weights", model.special_care_embeds_weights)
    golden.input("concept_embeds_weights", model.concept_embeds_weights)
    golden.expect("cosines", values, exact=cosines(copy.deepcopy(model).double(), pixels.double()))
    golden.expect("scores", scores)
    golden.expect("flag_bytes", flags, tolerance=0.005, measure="differing_fraction")

    for mutation, faulty in faulty_networks(model).items():
        golden.mutate(mutation, "cosines", cosines(faulty, pixels))
    for mutation, faulty in faulty_pictures(images).items():
        golden.mutate(mutation, "cosines", cosines(model, faulty))
    for mutation, result in {
        "no_rounding": run(model, pixels, rounding=lambda value, digits: value),
        "no_adjustment": score(model, values, adjustment=0.0),
        "adjustment_reset_before_concepts": score(model, values, lifts=["special"]),
    }.items():
        golden.mutate(mutation, "scores", result[0])
        golden.mutate(mutation, "flag_bytes", result[1])
    golden.mutate("specials_not_adjusted", "scores", score(model, values, lifts=["concept"])[0])
    golden.save()


if __name__ == "__main__":
    main()
