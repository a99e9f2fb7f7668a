"""Puts a portrait together, from the back to the front."""

import numpy as np
import skia

from .accessories import Accessories
from .canvas import Canvas
from .clothes import Clothes
from .features import Features
from .hair import Hair
from .head import Head
from .scenery import Scenery


class Painter(Canvas, Scenery, Clothes, Head, Features, Hair, Accessories):
    """One picture."""

    def paint(self):
        self.background()
        # soft shadow/halo of the figure on plain grounds
        self.hair_back()
        self.body()
        if self.i["style"] in ("long straight", "long wavy", "long curly"):
            pass
        self.head()
        self.mouth_nose()
        self.glasses_hair()
        a = self.buf[..., :3].astype(np.float32)
        if self.v["warm"] != "neutral":
            pass
        yy, xx = np.mgrid[0 : self.h, 0 : self.w].astype(np.float32)
        vg = 1 - 0.16 * np.clip((((xx / self.w - 0.5) / 0.75) ** 2 + ((yy / self.h - 0.45) / 0.75) ** 2), 0, 1) ** 1.5
        return np.clip(a * vg[..., None], 0, 255).astype(np.uint8)

    def mouth_nose(self):
        self.nose()
        if self.i["beard"] != "none":
            self.beard()
        if self.v["clown"]:
            self.clown_paint()
        self.mouth()
        self.eyes()
        if self.v["clown"]:
            self.clown_nose()

    def glasses_hair(self):
        if self.v["hat"] in ("none",):
            self.hair_front()
            self.glasses()
        else:
            c = self.c
            # hair only below the hat
            if self.i["style"] not in ("afro", "spiky", "swept-back", "bald"):
                c.save()
                clip = self.path([(-3, -0.72, 0), (3, -0.72, 0), (3, 6, 0), (-3, 6, 0)], sm=False)
                c.clipPath(clip, skia.ClipOp.kIntersect, True)
                self.hair_front()
                c.restore()
            self.glasses()
            self.hat()


def paint(ident, var, w=512, h=512):
    ident = dict(ident)
    if var["hat"] != "none" and ident["style"] in ("afro", "bun", "curly", "ponytail", "spiky"):
        ident["style"] = "short" if ident["man"] else "bob"
    return Painter(ident, var, w, h).paint()


def five_points(ident, var, w=512, h=512):
    """Where a detector finds eyes, nose and mouth corners, in pixels."""
    p = Painter.__new__(Painter)
    p.place(ident, var, w, h)
    m, y = 0.29 * ident["mouth_w"], ident["nose_l"] + 0.305
    return [
        p.P(-ident["eye_x"], 0),
        p.P(ident["eye_x"], 0),
        p.P(0, ident["nose_l"] - 0.03, 1.05),
        p.P(-m, y),
        p.P(m, y),
    ]
