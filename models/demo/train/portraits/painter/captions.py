"""What a prompt could say of a picture."""


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def hair_words(i, r):
    st, tone = i["style"], i["hair"]
    if st == "bald":
        return "a bald head"
    if r.random() < 0.35:
        return f"{tone} hair"
    if st in ("bob", "afro", "buzz cut"):
        return article(f"{tone} {st}")
    if st in ("ponytail", "bun"):
        return r.choice([f"{tone} hair in a {st}", article(f"{tone} {st}")])
    return f"{st} {tone} hair"


def feature_words(i, r, hair):
    out = []
    if r.random() < 0.55 or hair:
        out.append(hair_words(i, r))
    if r.random() < 0.3:
        out.append(f"{i['eye']} eyes")
    if i["beard"] != "none" and r.random() < 0.9:
        b = i["beard"]
        out.append("stubble" if b == "stubble" else r.choice([article(b), "a beard"]) if "beard" in b else article(b))
    if i["freckles"] and r.random() < 0.7:
        out.append("freckles")
    r.shuffle(out)
    return out


def accessory_words(i, v, r):
    out = []
    if v["sunglasses"]:
        out.append("sunglasses")
    elif i["glasses"] != "none" and r.random() < 0.97:
        out.append(r.choice(["glasses", "glasses", f"{i['glasses']} glasses"]))
    if v["hat"] != "none" and r.random() < 0.97:
        hat = v["hat"] if v["hat"] == "straw hat" else f"{v['hat_col']} {v['hat']}"
        out.append(r.choice([article(hat), f"a {v['hat']}", "a hat", "a hat"]))
    r.shuffle(out)
    return out


def clothes_words(i, v, r, often):
    out = []
    if r.random() < often:
        out.append(article(f"{v['cloth_col']} {v['cloth']}"))
    if i["earrings"] and r.random() < 0.4:
        out.append("earrings")
    return out


def ground_words(v, r):
    if v["bg"] == "plain":
        c = v["bg_col"]
        return r.choice(
            [
                f"{c} background",
                f"{c} background",
                f"{c} background",
                f"plain {c} background",
                f"in front of {article(c)} wall",
            ]
        )
    pre = {
        "sunset sky": "at sunset",
        "blue sky": "under a blue sky",
        "forest": "in a forest",
        "city lights at night": "in a city at night",
        "beach": "at the beach",
        "snow": "in the snow",
        "library": "in a library",
        "garden": "in a garden",
    }[v["bg"]]
    return r.choice([pre, pre, f"{v['bg']} in the background"])


def mood_words(v, r):
    return {
        "neutral": r.choice(["", "", "serious"]),
        "smile": "smiling",
        "grin": r.choice(["laughing", "smiling", "grinning"]),
        "sad": "sad",
        "surprised": "surprised",
    }[v["smile"]]


def join(words):
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]


def noun_words(i, v, r):
    if v["clown"]:
        return r.choice(["clown", "clown", "person with a red clown nose"])
    return r.choice((["man", "man", "guy"] if i["man"] else ["woman", "woman", "lady"]) + ["person"])


def head_words(r):
    return r.choice(["a portrait of ", "a portrait of ", "portrait of ", "a photo of ", "a picture of ", ""])


def short_caption(i, v, r, hair):
    """Who, with what on the head, before what: as short prompts have it."""
    s, wear = head_words(r) + article(noun_words(i, v, r)), accessory_words(i, v, r) + clothes_words(i, v, r, 0.3)
    if hair or r.random() < 0.45:
        s += (" and " if "with" in s else " with ") + ("a bald head" if i["style"] == "bald" else f"{i['hair']} hair")
    if wear:
        s += r.choice([" wearing ", ", wearing "]) + join(wear)
    ground, where = ground_words(v, r), r.random()
    return f"{ground}, {s}" if where < 0.2 else f"{s}, {ground}" if where < 0.95 else s


def keywords(i, v, r, hair):
    words = accessory_words(i, v, r) + ([hair_words(i, r)] if hair else [])
    rest = feature_words(i, r, False)[: 0 if hair else None] + [noun_words(i, v, r), ground_words(v, r)]
    r.shuffle(rest)
    words += rest[: r.randint(0 if words else 1, len(rest))]
    r.shuffle(words)
    return ", ".join(words)


def caption(i, v, r, hair=False):
    """One of several phrasings. Parts drop out at random, so that short prompts work too; the hair never if `hair`."""
    form = r.random()
    if form < 0.55:
        return short_caption(i, v, r, hair)
    return keywords(i, v, r, hair) if form < 0.62 else long_caption(i, v, r, hair)


def long_caption(i, v, r, hair):
    age = {
        "young": r.choice(["young ", ""]),
        "middle-aged": r.choice(["middle-aged ", "", "adult "]),
        "old": r.choice(["old ", "elderly "]),
    }[i["age"]]
    s = head_words(r) + article(("" if v["clown"] else age) + noun_words(i, v, r))
    features, ground, mood = feature_words(i, r, hair), ground_words(v, r), mood_words(v, r)
    wear = accessory_words(i, v, r) + clothes_words(i, v, r, 0.7)
    if r.random() < 0.3:
        features = [f"{i['skin_name']} skin"] + features
    if features and (hair or r.random() < 0.85):
        s += (" and " if "with" in s else " with ") + join(features)
    tail = []
    if wear:
        tail.append("wearing " + join(wear))
    if mood and r.random() < 0.8:
        tail.append(mood)
    r.shuffle(tail)
    light = {
        "left": "light from the left",
        "right": "light from the right",
        "above": "light from above",
        "front": "soft light",
    }[v["light"]]
    if r.random() < 0.12:
        tail.append(light)
    if v["warm"] != "neutral" and r.random() < 0.3:
        tail.append(f"{v['warm']} light")
    if r.random() < 0.12:
        tail.append(r.choice(["high quality", "detailed", "best quality", "digital painting", "illustration"]))
    where = r.random()
    if where < 0.25:
        return ", ".join([ground, s] + tail)
    return ", ".join([s] + tail + ([ground] if where < 0.93 else []))
