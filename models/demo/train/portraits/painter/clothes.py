"""Neck, shoulders and what they wear."""

import skia

from .palette import COLOURS, mix, mul


class Clothes:
    """The body below the head."""

    def body(self):
        i, v, u = self.i, self.v, self.u
        r = self.rv
        man = i["man"]
        W = 1.95 if man else 1.62
        c = COLOURS[v["cloth_col"]]
        skin = i["skin"]
        ty = 2.05  # shoulder line
        X = lambda x, y: (
            self.ox + (x + 0.12 * self.sy) * u,
            self.oy + (y - 0.17 * min(1, max(0, (y - 1.0) / 0.4))) * u,
        )
        bot = (self.h - self.oy) / u + 0.6
        nw = 0.46 if man else 0.38
        sh = [
            X(-nw, 1.35),
            X(-nw * 1.12, 1.62),
            X(-0.95, 1.86),
            X(-W * 0.92, 2.08),
            X(-W * 1.05, 2.6),
            X(-W * 1.12, bot),
            X(W * 1.12, bot),
            X(W * 1.05, 2.6),
            X(W * 0.92, 2.08),
            X(0.95, 1.86),
            X(nw * 1.12, 1.62),
            X(nw, 1.35),
        ]
        torso = self.path(sh, raw=True)
        neck = self.path(
            [
                X(-nw, 0.7),
                X(-nw, 1.2),
                X(-nw * 1.1, 1.6),
                X(-0.8, 1.95),
                X(0, 2.5),
                X(0.8, 1.95),
                X(nw * 1.1, 1.6),
                X(nw, 1.2),
                X(nw, 0.7),
            ],
            raw=True,
        )
        kind = v["cloth"]
        l = self.L[0]
        grad = lambda cc, a=0.62, b=1.08: self.lin(
            X(-W, 2),
            X(W, 2),
            [
                self.lit(cc, b if l < -0.2 else a if l > 0.2 else 0.8),
                self.lit(cc, 1.0),
                self.lit(cc, a if l < -0.2 else b if l > 0.2 else 0.8),
            ],
        )
        # skin of neck and chest
        if kind == "tank top":
            self.fill(torso, skin, shader=grad(skin))
        self.fill(
            neck,
            skin,
            shader=self.lin(
                X(-nw * 1.4, 1.5),
                X(nw * 1.4, 1.5),
                [
                    self.lit(skin, 0.92 if l < -0.2 else 0.55 if l > 0.2 else 0.66),
                    self.lit(skin, 0.86),
                    self.lit(skin, 0.55 if l < -0.2 else 0.92 if l > 0.2 else 0.66),
                ],
            ),
        )
        self.c.save()
        self.c.clipPath(neck, skia.ClipOp.kIntersect, True)
        # collar bones and the shadow of the chin
        for s in (-1, 1):
            self.stroke(
                self.path([X(s * 0.1, 1.98), X(s * 0.45, 1.88), X(s * 0.9, 1.84)], False, raw=True),
                self.lit(skin, 0.6),
                0.05,
                0.5,
                0.03,
            )
        shp = self.path([self.P(x * 0.95 - 0.12 * l, y + 0.17, z) for x, y, z in self.outline()], raw=True)
        self.fill(shp, self.lit(mul(skin, 0.8), 0.52), 0.75, 0.07)
        self.c.restore()
        if kind == "tank top":
            top = self.path(
                [
                    X(-0.78, 1.9),
                    X(-0.62, 2.35),
                    X(0, 2.6),
                    X(0.62, 2.35),
                    X(0.78, 1.9),
                    X(1.06, 1.95),
                    X(W * 0.98, 2.6),
                    X(W, bot),
                    X(-W, bot),
                    X(-W * 0.98, 2.6),
                    X(-1.06, 1.95),
                ],
                raw=True,
            )
            self.fill(top, c, shader=grad(c))
            return
        # cloth with a neck hole
        depth = {
            "t-shirt": 1.98,
            "sweater": 1.86,
            "hoodie": 1.9,
            "turtleneck": 1.3,
            "shirt": 2.2,
            "suit": 2.6,
            "jacket": 2.5,
        }[kind]
        wide = nw * (1.5 if kind in ("t-shirt", "sweater") else 1.2)
        under = None
        if kind in ("suit", "jacket", "shirt"):
            under = (236, 236, 236) if kind != "shirt" else c
            if kind == "jacket":
                under = COLOURS["white"] if v["cloth_col"] not in ("white",) else COLOURS["grey"]
            pn = self.path(
                [
                    X(-nw * 1.15, 1.5),
                    X(-0.22, 2.05 if kind == "shirt" else 1.95),
                    X(0, 2.25 if kind == "shirt" else 2.05),
                    X(0.22, 2.05 if kind == "shirt" else 1.95),
                    X(nw * 1.15, 1.5),
                    X(1.0, 1.9),
                    X(1.0, bot),
                    X(-1.0, bot),
                    X(-1.0, 1.9),
                ],
                raw=True,
                sm=False,
            )
            self.fill(pn, under, shader=grad(under))
        cloth = self.path(sh[:6] + sh[6:], raw=True)
        hole = self.path(
            [
                X(-wide, 1.2),
                X(-wide, 1.55),
                X(-wide * 0.55 if depth < 2.1 else -0.3, (depth + 1.5) / 2 + 0.05),
                X(0, depth),
                X(wide * 0.55 if depth < 2.1 else 0.3, (depth + 1.5) / 2 + 0.05),
                X(wide, 1.55),
                X(wide, 1.2),
            ],
            raw=True,
            sm=depth < 2.1,
        )
        if kind != "shirt":
            op = skia.Op(cloth, hole, skia.PathOp.kDifference_PathOp) if kind != "turtleneck" else cloth
        else:
            op = skia.Op(cloth, hole, skia.PathOp.kDifference_PathOp)
        self.fill(op, c, shader=grad(c))
        self.c.save()
        self.c.clipPath(op, skia.ClipOp.kIntersect, True)
        dark, light = self.lit(c, 0.5), self.lit(c, 1.2)
        for s in (-1, 1):  # folds, arms
            self.stroke(
                self.path([X(s * W * 0.74, 2.3), X(s * W * 0.66, 2.8), X(s * W * 0.7, 3.4)], False, raw=True),
                dark,
                0.07,
                0.5,
                0.06,
            )
            self.stroke(
                self.path([X(s * 0.5, 2.2), X(s * 0.62, 2.5), X(s * 0.58, 2.9)], False, raw=True),
                dark,
                0.05,
                0.25,
                0.05,
            )
            self.stroke(
                self.path([X(s * (nw + 0.2), 1.86), X(s * 1.0, 2.0), X(s * W * 0.86, 2.2)], False, raw=True),
                light,
                0.1,
                0.35,
                0.07,
            )
        self.c.restore()
        if kind in ("t-shirt", "sweater"):
            rim = self.path(
                [
                    X(-wide, 1.62),
                    X(-wide * 0.62, (depth + 1.5) / 2 + 0.08),
                    X(0, depth + 0.03),
                    X(wide * 0.62, (depth + 1.5) / 2 + 0.08),
                    X(wide, 1.62),
                ],
                False,
                raw=True,
            )
            self.stroke(rim, dark, 0.1 if kind == "sweater" else 0.06, 0.7)
            self.stroke(rim, light, 0.02, 0.3)
        elif kind == "turtleneck":
            tn = self.path(
                [
                    X(-nw * 1.08, 1.28),
                    X(-nw * 1.12, 1.55),
                    X(-nw * 1.25, 1.8),
                    X(0, 1.92),
                    X(nw * 1.25, 1.8),
                    X(nw * 1.12, 1.55),
                    X(nw * 1.08, 1.28),
                    X(0, 1.42),
                ],
                raw=True,
            )
            self.fill(
                tn,
                c,
                shader=self.lin(
                    X(-nw, 1.5),
                    X(nw, 1.5),
                    [self.lit(c, 1.0 if l < -0.2 else 0.55), self.lit(c, 0.98), self.lit(c, 1.0 if l > 0.2 else 0.55)],
                ),
            )
            self.stroke(
                self.path([X(-nw * 1.2, 1.66), X(0, 1.78), X(nw * 1.2, 1.66)], False, raw=True), dark, 0.03, 0.5, 0.015
            )
        elif kind == "hoodie":
            for s in (-1, 1):
                hd = self.path(
                    [
                        X(s * nw * 1.1, 1.4),
                        X(s * 0.8, 1.62),
                        X(s * 0.95, 1.98),
                        X(s * 0.45, 2.3),
                        X(s * 0.05, 2.32),
                        X(s * 0.25, 2.0),
                        X(s * nw, 1.7),
                    ],
                    raw=True,
                )
                self.fill(
                    hd, c, shader=self.lin(X(s * 0.9, 1.6), X(s * 0.2, 2.2), [self.lit(c, 1.1), self.lit(c, 0.62)])
                )
                self.stroke(
                    self.path([X(s * 0.16, 2.26), X(s * 0.2, 2.6), X(s * 0.17, 2.95)], False, raw=True),
                    (236, 234, 228),
                    0.035,
                    0.9,
                )
        elif kind in ("shirt", "suit", "jacket"):
            uc = c if kind == "shirt" else under
            for s in (-1, 1):
                cl = self.path(
                    [
                        X(s * nw * 0.98, 1.42),
                        X(s * nw * 1.3, 1.62),
                        X(s * 0.62, 2.02),
                        X(s * 0.3, 2.22),
                        X(s * 0.06, 1.98),
                        X(s * nw * 0.8, 1.66),
                    ],
                    raw=True,
                    sm=False,
                )
                self.fill(cl, self.lit(uc, 0.5), 0.5, 0.04)
                self.fill(cl, uc, shader=self.lin(X(s * 0.6, 1.5), X(0, 2.2), [self.lit(uc, 1.1), self.lit(uc, 0.8)]))
            if kind == "shirt":
                self.stroke(self.path([X(0, 2.1), X(0, bot)], False, raw=True), dark, 0.02, 0.6)
                for y in (2.45, 2.85, 3.25):
                    self.circle(*X(0.06, y), 0.03 * u, mix(c, (255, 255, 255), 0.6))
            if kind == "suit":
                t = COLOURS[r.choice(["red", "blue", "black", "purple", "teal"])]
                tie = self.path(
                    [X(-0.1, 2.0), X(0.1, 2.0), X(0.075, 2.2), X(0.17, 3.2), X(-0.17, 3.2), X(-0.075, 2.2)],
                    raw=True,
                    sm=False,
                )
                self.fill(tie, t, shader=self.lin(X(-0.15, 2), X(0.15, 2), [self.lit(t, 1.05), self.lit(t, 0.75)]))
            if kind in ("suit", "jacket"):
                for s in (-1, 1):
                    lp = self.path(
                        [
                            X(s * 0.62, 1.74),
                            X(s * 0.95, 2.1),
                            X(s * 0.72, 2.3),
                            X(s * 0.8, 2.42),
                            X(s * 0.16, 3.3),
                            X(s * 0.1, 3.1),
                            X(s * 0.36, 2.3),
                        ],
                        raw=True,
                        sm=False,
                    )
                    self.fill(lp, (0, 0, 0), 0.3, 0.04)
                    self.fill(
                        lp, c, shader=self.lin(X(s * 0.9, 2), X(s * 0.2, 2.9), [self.lit(c, 1.14), self.lit(c, 0.78)])
                    )
