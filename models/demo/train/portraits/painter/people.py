"""Who is drawn and how, by seed: what lasts (the identity) and what changes from picture to picture (the variation)."""

import random

from .palette import CLOTHES, COLOURS, EYES, HAIR, HATS, SCENES, SKIN, STYLES_M, STYLES_W, mix


def identity(seed):
    r = random.Random(seed * 7919 + 13)
    man = r.random() < 0.5
    age = r.choices(["young", "middle-aged", "old"], [0.5, 0.28, 0.22])[0]
    names = list(SKIN)
    k = r.choices(range(len(names)), [0.16, 0.22, 0.16, 0.14, 0.17, 0.15])[0]
    skin = SKIN[names[k]]
    near = SKIN[names[max(0, min(5, k + r.choice([-1, 1])))]]
    skin = mix(skin, near, r.random() * 0.3)
    skin = tuple(v + r.uniform(-4, 4) for v in skin)
    if age == "old":
        hair = r.choices(["grey", "white", "dark brown", "black", "blonde"], [0.5, 0.3, 0.08, 0.06, 0.06])[0]
    else:
        p = {
            "black": 0.2,
            "dark brown": 0.16,
            "brown": 0.15,
            "auburn": 0.08,
            "red": 0.1,
            "blonde": 0.16,
            "grey": 0.03 if age == "young" else 0.12,
            "white": 0.02,
            "blue": 0.035,
            "pink": 0.035,
            "green": 0.03,
        }
        if k >= 4:
            p.update({"black": 0.5, "red": 0.03, "blonde": 0.05})
        hair = r.choices(list(p), list(p.values()))[0]
    hc = tuple(v + r.uniform(-8, 8) for v in HAIR[hair])
    style = r.choice(STYLES_M if man else STYLES_W)
    if man and r.random() < 0.06:
        style = "long straight"
    ep = [0.2, 0.14, 0.3, 0.1, 0.14, 0.12] if k < 3 else [0.03, 0.05, 0.45, 0.02, 0.12, 0.33]
    eye = r.choices(list(EYES), ep)[0]
    beard = "none"
    if man:
        beard = r.choices(
            ["none", "full beard", "short beard", "moustache", "goatee", "stubble"], [0.45, 0.15, 0.14, 0.1, 0.08, 0.08]
        )[0]
    return dict(
        man=man,
        age=age,
        skin=skin,
        skin_name=names[k],
        hair=hair,
        hair_rgb=hc,
        style=style,
        eye=eye,
        eye_rgb=tuple(v + r.uniform(-6, 6) for v in EYES[eye]),
        beard=beard,
        glasses=r.choices(["none", "round", "square"], [0.72, 0.14, 0.14])[0],
        glasses_rgb=r.choice([(28, 26, 28), (96, 58, 34), (158, 36, 38), (176, 140, 60), (44, 60, 110)]),
        face_w=r.uniform(0.80, 0.90) + (0.02 if man else -0.01),
        jaw=r.uniform(0.50, 0.62) + (0.06 if man else -0.03),
        chin_y=r.uniform(1.10, 1.20),
        eye_x=r.uniform(0.325, 0.365),
        eye_s=r.uniform(0.94, 1.1) * (1.0 if man else 1.12),
        eye_tilt=r.uniform(-0.06, 0.1),
        brow_t=r.uniform(0.8, 1.2) * (1.25 if man else 0.75),
        brow_a=r.uniform(-0.05, 0.12),
        nose_l=r.uniform(0.46, 0.55),
        nose_w=r.uniform(0.85, 1.2),
        mouth_w=r.uniform(0.85, 1.12),
        lip=r.uniform(0.8, 1.2),
        lipstick=(not man) and r.random() < 0.5,
        freckles=(k < 2) and r.random() < 0.2,
        fringe=r.random() < 0.4,
        part=r.choice([-1, 1]) * r.uniform(0.1, 0.4),
        ear=r.uniform(0.9, 1.15),
        earrings=(not man) and r.random() < 0.3,
        tex=r.randrange(1 << 30),
    )


def variation(seed):
    r = random.Random(seed * 104729 + 77)
    plain = r.random() < 0.68
    return dict(
        yaw=max(-0.38, min(0.38, r.gauss(0, 0.14))),
        pitch=max(-0.16, min(0.16, r.gauss(0, 0.06))),
        roll=max(-0.12, min(0.12, r.gauss(0, 0.035))),
        scale=r.uniform(0.25, 0.29),
        cx=r.gauss(0.5, 0.012),
        cy=r.gauss(0.46, 0.01),
        smile=r.choices(["neutral", "smile", "grin", "sad", "surprised"], [0.38, 0.32, 0.2, 0.06, 0.04])[0],
        light=r.choices(["front", "left", "right", "above"], [0.3, 0.28, 0.28, 0.14])[0],
        warm=r.choices(["neutral", "warm", "cool"], [0.6, 0.22, 0.18])[0],
        contrast=r.uniform(0.75, 1.1),
        bg="plain" if plain else r.choice(SCENES),
        bg_col=r.choice(list(COLOURS)),
        cloth=r.choice(CLOTHES),
        cloth_col=r.choice(list(COLOURS)),
        hat=r.choice(HATS) if r.random() < 0.16 else "none",
        hat_col=r.choice(list(COLOURS)),
        sunglasses=r.random() < 0.04,
        clown=r.random() < 0.06,
        gaze=(r.gauss(0, 0.08), r.gauss(0, 0.04)),
        open=r.uniform(0.88, 1.08),
        tex=r.randrange(1 << 30),
    )


def appearance(k, alike=False):
    """Who picture `k` shows, and with what: two pictures in a row show one person. Unless they are `alike`, the second
    one often has hair of another colour, or glasses: otherwise a face says all that a prompt could, and prompts go
    unread."""
    i, r = identity(k // 2), random.Random(k * 6311 + 5)
    dyed, glasses = r.random() < 0.45, r.random() < 0.4
    hair = r.choice([name for name in HAIR if name != i["hair"]])
    rgb, shape = tuple(v + r.uniform(-8, 8) for v in HAIR[hair]), r.choice(["round", "square"])
    if alike or k % 2 == 0:
        return i
    if dyed and i["style"] != "bald":
        i.update(hair=hair, hair_rgb=rgb)
    if glasses and i["glasses"] == "none":
        i.update(glasses=shape)
    return i
