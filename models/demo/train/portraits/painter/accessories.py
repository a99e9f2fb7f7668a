"""Glasses, hats and the clown's paint."""

import math

import skia

from .palette import COLOURS, mix, mul


class Accessories:
    """What is put on."""

    def glasses(self):
        i, v, u = self.i, self.v, self.u
        k = i["glasses"]
        sun = v["sunglasses"]
        if k == "none" and not sun:
            return
        ex = i["eye_x"] + 0.015
        g = i["glasses_rgb"]
        rw, rh = (0.285, 0.245) if k == "round" else (0.295, 0.205)
        for s in (-1, 1):
            if k == "round":
                pts = [
                    (s * (ex + rw * math.cos(a)), 0.03 + rh * math.sin(a), 0.88)
                    for a in [q * math.pi / 5 for q in range(10)]
                ]
            else:
                pts = [
                    (s * (ex + x * rw), 0.03 + y * rh, 0.88 - 0.06 * x)
                    for x, y in [
                        (-0.95, -0.7),
                        (-0.6, -0.97),
                        (0, -1),
                        (0.7, -0.98),
                        (1, -0.75),
                        (0.97, 0.4),
                        (0.7, 0.92),
                        (0, 1),
                        (-0.65, 0.9),
                        (-0.95, 0.3),
                    ]
                ]
            p = self.path(pts)
            sh = skia.Path(p)
            sh.offset(-0.04 * self.L[0] * u, 0.06 * u)
            self.stroke(sh, (60, 20, 16), 0.035, 0.28, 0.02)
            if sun:
                x, y = self.P(s * ex, 0.03, 0.88)
                self.fill(
                    p,
                    (20, 20, 26),
                    0.9,
                    shader=self.lin((x, y - rh * u), (x, y + rh * u), [(24, 24, 32), (74, 68, 76)]),
                )
                self.fill(
                    self.path(
                        [
                            (s * ex - 0.16, -0.1, 0.88),
                            (s * ex - 0.02, -0.14, 0.88),
                            (s * ex - 0.1, 0.1, 0.88),
                            (s * ex - 0.2, 0.08, 0.88),
                        ]
                    ),
                    (255, 255, 255),
                    0.16,
                    0.015,
                )
            else:
                x, y = self.P(s * ex, 0.03, 0.88)
                self.fill(
                    p,
                    (255, 255, 255),
                    1.0,
                    shader=self.lin(
                        (x - rw * u, y - rh * u),
                        (x + rw * u, y + rh * u),
                        [((255, 255, 255), 0.22), ((255, 255, 255), 0.03), ((255, 255, 255), 0.12)],
                    ),
                )
            self.stroke(p, g, 0.042)
            self.stroke(p, mix(g, (255, 255, 255), 0.5), 0.01, 0.5)
            self.stroke(
                self.path([(s * (ex + rw * 0.98), -0.05, 0.8), (s * i["face_w"] * 1.0, -0.06, 0.1)], False),
                g,
                0.036,
                0.95,
            )
        self.stroke(
            self.path([(-ex + rw * 0.93, -0.01, 0.92), (0, -0.05, 1.0), (ex - rw * 0.93, -0.01, 0.92)], False), g, 0.04
        )

    def hat(self):
        i, v, u = self.i, self.v, self.u
        k = v["hat"]
        if k == "none":
            return
        c = COLOURS[v["hat_col"]]
        if k == "straw hat":
            c = (216, 184, 118)
        if k == "top hat":
            c = mul(c, 0.8)
        fw = i["face_w"]
        W = fw + 0.14
        grad = self.lin(
            self.P(-W, -0.8, 0),
            self.P(W, -0.8, 0),
            [
                self.lit(c, 1.1 if self.L[0] < -0.2 else 0.62),
                self.lit(c, 1.0),
                self.lit(c, 1.1 if self.L[0] > 0.2 else 0.62),
            ],
        )
        cc = self.c
        cc.save()
        cc.clipPath(self.face_path, skia.ClipOp.kIntersect, True)
        self.fill(
            self.path([(-W, -0.75), (0, -0.62), (W, -0.75), (W, -0.42), (0, -0.4), (-W, -0.42)]),
            (50, 18, 16),
            0.5,
            0.08,
        )
        cc.restore()
        if k == "beanie":
            p = self.path(
                [
                    (-W, -0.5, 0),
                    (-W - 0.02, -0.9, -0.05),
                    (-0.78, -1.42, -0.05),
                    (-0.3, -1.68, -0.05),
                    (0.3, -1.68, -0.05),
                    (0.78, -1.42, -0.05),
                    (W + 0.02, -0.9, -0.05),
                    (W, -0.5, 0),
                    (0.4, -0.6, 0.6),
                    (-0.4, -0.6, 0.6),
                ]
            )
            self.fill(p, c, shader=grad)
            self.strands(
                lambda t, r: [
                    ((-1 + 2 * t) * W, -0.6, 0.2),
                    ((-1 + 2 * t) * 0.95, -1.1, 0.1),
                    ((-1 + 2 * t) * 0.4, -1.7, 0),
                ],
                22,
                c,
                p,
                0.03,
                0.3,
                0.2,
                0.006,
            )
            band = self.path(
                [
                    (-W - 0.04, -0.82, 0),
                    (-0.4, -0.94, 0.6),
                    (0.4, -0.94, 0.6),
                    (W + 0.04, -0.82, 0),
                    (W + 0.03, -0.42, 0),
                    (0.4, -0.54, 0.6),
                    (-0.4, -0.54, 0.6),
                    (-W - 0.03, -0.42, 0),
                ]
            )
            self.fill(
                band,
                c,
                shader=self.lin(
                    self.P(-W, 0, 0), self.P(W, 0, 0), [self.lit(c, 0.75), self.lit(c, 1.1), self.lit(c, 0.7)]
                ),
            )
            self.stroke(
                self.path([(-W, -0.82, 0), (-0.4, -0.94, 0.6), (0.4, -0.94, 0.6), (W, -0.82, 0)], False),
                self.lit(c, 0.5),
                0.03,
                0.6,
                0.012,
            )
        elif k == "cap":
            p = self.path(
                [
                    (-W, -0.5, 0),
                    (-W, -0.95, -0.05),
                    (-0.74, -1.4, -0.05),
                    (-0.25, -1.58, -0.05),
                    (0.25, -1.58, -0.05),
                    (0.74, -1.4, -0.05),
                    (W, -0.95, -0.05),
                    (W, -0.5, 0),
                    (0.4, -0.66, 0.6),
                    (-0.4, -0.66, 0.6),
                ]
            )
            self.fill(p, c, shader=grad)
            self.stroke(
                self.path([(0, -1.58, 0), (0.02, -1.1, 0.7), (0, -0.7, 0.8)], False), self.lit(c, 0.6), 0.015, 0.6
            )
            peak = self.path(
                [
                    (-0.72, -0.68, 0.5),
                    (0, -0.84, 0.8),
                    (0.72, -0.68, 0.5),
                    (0.86, -0.46, 0.9),
                    (0.4, -0.44, 1.35),
                    (0, -0.43, 1.45),
                    (-0.4, -0.44, 1.35),
                    (-0.86, -0.46, 0.9),
                ]
            )
            self.fill(peak, (0, 0, 0), 0.35, 0.04)
            self.fill(
                peak,
                c,
                shader=self.lin(self.P(0, -0.85, 0.8), self.P(0, -0.42, 1.2), [self.lit(c, 1.08), self.lit(c, 0.7)]),
            )
        else:
            hi = -1.62 if k == "straw hat" else -2.15
            tw = 0.72 if k == "straw hat" else 0.8
            brim = 1.75 if k == "straw hat" else 1.3
            b = self.path(
                [
                    (-brim, -0.62, 0.0),
                    (-0.8, -0.56, 0.5),
                    (0, -0.52, 0.8),
                    (0.8, -0.56, 0.5),
                    (brim, -0.62, 0.0),
                    (0.9, -0.86, -0.2),
                    (0, -0.95, -0.2),
                    (-0.9, -0.86, -0.2),
                ]
            )
            self.fill(b, (0, 0, 0), 0.3, 0.05)
            self.fill(
                b,
                c,
                shader=self.lin(
                    self.P(-brim, 0, 0), self.P(brim, 0, 0), [self.lit(c, 0.7), self.lit(c, 1.05), self.lit(c, 0.7)]
                ),
            )
            p = self.path(
                [
                    (-W + 0.05, -0.72, 0.1),
                    (-tw - 0.1, -1.1, 0),
                    (-tw, hi + 0.12, 0),
                    (-tw * 0.6, hi, 0),
                    (tw * 0.6, hi, 0),
                    (tw, hi + 0.12, 0),
                    (tw + 0.1, -1.1, 0),
                    (W - 0.05, -0.72, 0.1),
                    (0, -0.62, 0.7),
                ]
            )
            self.fill(p, c, shader=grad)
            band = self.path(
                [
                    (-W + 0.05, -0.74, 0.1),
                    (0, -0.64, 0.7),
                    (W - 0.05, -0.74, 0.1),
                    (tw + 0.12, -0.98, 0.05),
                    (0, -0.88, 0.7),
                    (-tw - 0.12, -0.98, 0.05),
                ]
            )
            self.fill(band, mul(c, 0.4) if k != "straw hat" else (120, 50, 40))

    def clown_paint(self):
        i = self.i
        y0 = i["nose_l"] + 0.31
        self.fill(
            self.path(
                [
                    (-0.5, y0 - 0.06),
                    (-0.2, y0 - 0.2),
                    (0.2, y0 - 0.2),
                    (0.5, y0 - 0.06),
                    (0.44, y0 + 0.14),
                    (0, y0 + 0.27),
                    (-0.44, y0 + 0.14),
                ]
            ),
            self.lit((246, 244, 242), 0.97),
            0.92,
            0.02,
        )
        for s in (-1, 1):
            x, y = self.P(s * 0.52, 0.36)
            self.circle(x, y, 0.17 * self.u, self.lit((226, 60, 56), 0.95), 0.8, 0.03)

    def clown_nose(self):
        i = self.i
        x, y = self.P(0, i["nose_l"] - 0.02, 1.12)
        r = 0.235 * self.u
        self.circle(x + 0.02 * self.u, y + 0.05 * self.u, r, (40, 0, 0), 0.35, 0.05)
        self.circle(
            x,
            y,
            r,
            (214, 24, 30),
            shader=self.rad(
                (x + r * 0.4 * self.L[0], y - r * 0.4), r * 1.5, [(255, 120, 110), (222, 26, 32), (120, 6, 14)]
            ),
        )
