"""What can be drawn, its colours, and arithmetic on colours (0 to 255, red first)."""

import skia

SKIN = {  # base colours, linear mix in between
    "pale": (247, 220, 203),
    "fair": (238, 197, 170),
    "tanned": (217, 165, 126),
    "olive": (196, 146, 104),
    "brown": (150, 99, 68),
    "dark": (98, 62, 44),
}
HAIR = {
    "black": (30, 26, 28),
    "dark brown": (64, 42, 30),
    "brown": (104, 67, 42),
    "auburn": (128, 56, 34),
    "red": (176, 74, 34),
    "blonde": (214, 176, 108),
    "grey": (150, 148, 148),
    "white": (226, 224, 220),
    "blue": (52, 92, 178),
    "pink": (222, 118, 160),
    "green": (58, 130, 84),
}
EYES = {
    "blue": (74, 128, 186),
    "green": (86, 138, 86),
    "brown": (104, 62, 34),
    "grey": (122, 134, 142),
    "hazel": (138, 102, 52),
    "dark": (52, 34, 26),
}
COLOURS = {
    "red": (190, 44, 44),
    "orange": (226, 124, 40),
    "yellow": (234, 196, 66),
    "green": (66, 140, 78),
    "blue": (52, 98, 180),
    "purple": (116, 70, 160),
    "pink": (230, 142, 174),
    "white": (238, 236, 232),
    "grey": (136, 138, 142),
    "black": (38, 38, 44),
    "brown": (112, 76, 50),
    "teal": (40, 138, 142),
}
STYLES_W = ["long straight", "long wavy", "bob", "ponytail", "bun", "short", "curly", "long curly", "pixie"]
STYLES_M = ["short", "side-parted", "buzz cut", "bald", "curly", "spiky", "afro", "medium-length", "swept-back"]
CLOTHES = ["t-shirt", "shirt", "suit", "sweater", "hoodie", "turtleneck", "tank top", "jacket"]
SCENES = ["sunset sky", "blue sky", "forest", "city lights at night", "beach", "snow", "library", "garden"]
HATS = ["beanie", "cap", "straw hat", "top hat"]
STYLES = sorted({*STYLES_W, *STYLES_M})
BEARDS = ["none", "full beard", "short beard", "moustache", "goatee", "stubble"]


def clampc(c):
    return tuple(int(max(0, min(255, round(v)))) for v in c[:3])


def mix(a, b, t):
    return tuple(x + (y - x) * t for x, y in zip(a, b))


def mul(c, k):
    return tuple(v * k for v in c)


def col(c, a=1.0):
    r, g, b = clampc(c)
    return skia.Color(r, g, b, int(max(0, min(255, round(a * 255)))))
