"""Eyes, nose and mouth."""

import math

import skia

from .palette import mix, mul


class Features:
    """What a detector looks for."""

    def eyes(self):
        i, v, u = self.i, self.v, self.u
        skin = i["skin"]
        old = i["age"] == "old"
        sm = v["smile"]
        op = 0.92 * v["open"] * {"grin": 0.8, "smile": 0.9, "surprised": 1.2}.get(sm, 1.0) * (0.9 if old else 1.0)
        S = i["eye_s"]
        for s in (-1, 1):
            E = lambda x, y, s=s: (s * (i["eye_x"] + x * S), y * S - s * 0 - x * i["eye_tilt"] * 0.6)
            # socket
            self.fill(
                self.path([E(-0.25, 0.02), E(-0.1, -0.17), E(0.14, -0.17), E(0.28, 0), E(0.1, 0.12), E(-0.12, 0.1)]),
                self.lit(mix(skin, (110, 50, 50), 0.35), 0.75),
                0.28 if sum(skin) > 330 else 0.14,
                0.06,
            )
            alm = [
                E(-0.205, 0.035),
                E(-0.1, -0.075 * op),
                E(0.02, -0.108 * op),
                E(0.13, -0.07 * op),
                E(0.21, 0.0),
                E(0.12, 0.068 * op),
                E(0, 0.09 * op),
                E(-0.12, 0.072 * op),
            ]
            p = self.path(alm)
            self.fill(p, self.lit((238, 234, 232), 0.93))
            c = self.c
            c.save()
            c.clipPath(p, skia.ClipOp.kIntersect, True)
            gx, gy = v["gaze"]
            x, y = self.P(*E(gx * 0.25, -0.012 + gy * 0.3))
            x += 0.02 * u * -self.sy
            R = 0.108 * u * S
            e = i["eye_rgb"]
            self.circle(
                x,
                y,
                R,
                e,
                shader=self.rad(
                    (x, y + R * 0.3), R * 1.25, [mix(e, (255, 250, 230), 0.42), e, mul(e, 0.4)], [0, 0.55, 1]
                ),
            )
            self.stroke(self._ring(x, y, R), mul(e, 0.3), 0.016, 0.8)
            self.circle(x, y, R * 0.46, (14, 10, 12))
            self.fill(
                self.path([E(-0.25, -0.2), E(0.25, -0.22), E(0.23, -0.05 * op), E(0.02, -0.062 * op), E(-0.22, -0.02)]),
                (60, 30, 30),
                0.45,
                0.025,
            )
            hx = x + R * (0.35 if self.L[0] > 0.2 else -0.35)
            self.circle(hx, y - R * 0.36, R * 0.24, (255, 255, 255), 0.95)
            self.circle(x - (hx - x), y + R * 0.45, R * 0.14, (255, 255, 255), 0.4)
            c.restore()
            lash = mul(mix(i["hair_rgb"], (20, 14, 14), 0.75), 0.6)
            up = [E(-0.215, 0.04), E(-0.1, -0.08 * op), E(0.02, -0.113 * op), E(0.13, -0.075 * op), E(0.22, -0.005)]
            self.stroke(self.path(up, False), lash, 0.026 if i["man"] else 0.036, 0.92)
            if not i["man"]:
                self.stroke(self.path([E(0.14, -0.07 * op), E(0.2, -0.04), E(0.265, -0.06)], False), lash, 0.026, 0.9)
            self.stroke(
                self.path([E(0.2, 0.012), E(0.1, 0.076 * op), E(-0.06, 0.09 * op), E(-0.19, 0.05)], False),
                self.lit(mix(skin, (90, 40, 40), 0.5), 0.7),
                0.014,
                0.7,
                0.006,
            )
            self.stroke(
                self.path([E(-0.19, -0.06 * op), E(-0.06, -0.16 * op), E(0.08, -0.17 * op), E(0.22, -0.07)], False),
                self.lit(mix(skin, (80, 30, 30), 0.4), 0.6),
                0.018,
                0.6,
                0.012,
            )
            if old or i["age"] == "middle-aged":
                a = 0.55 if old else 0.25
                self.stroke(
                    self.path([E(-0.2, 0.13), E(-0.02, 0.2), E(0.18, 0.14)], False),
                    self.lit(mix(skin, (90, 40, 40), 0.4), 0.6),
                    0.018,
                    a,
                    0.014,
                )
                for k in (-1, 0, 1):
                    self.stroke(
                        self.path([E(0.27, 0.02 + 0.035 * k), E(0.34, 0.02 + 0.06 * k)], False),
                        self.lit(skin, 0.55),
                        0.012,
                        a,
                        0.008,
                    )
            # brow
            h = {"surprised": -0.1, "sad": 0.0, "grin": -0.02}.get(sm, 0.0)
            inn = -0.05 if sm == "sad" else 0.02
            b = i["brow_t"]
            a = i["brow_a"]
            by = -0.235 + h - 0.02 * (not i["man"])
            bc = mix(i["hair_rgb"], (40, 28, 24), 0.45 if i["hair"] not in ("white", "grey") else 0.2)
            brow = self.path(
                [
                    E(-0.22, by + inn + 0.02),
                    E(-0.2, by + inn - 0.045 * b),
                    E(0.02, by - 0.055 * b - a * 0.5 - 0.02),
                    E(0.2, by - 0.03 - a * 0.3),
                    E(0.3, by + 0.05),
                    E(0.18, by + 0.012 - a * 0.3),
                    E(0, by + 0.02 * b - a * 0.5),
                ]
            )
            self.fill(brow, bc, 0.55, 0.022)
            self.fill(brow, bc, 0.62, 0.006)

    def nose(self):
        i = self.i
        skin = i["skin"]
        nl, nw = i["nose_l"], i["nose_w"]
        dark = self.lit(mix(skin, (110, 40, 34), 0.5), 0.5)
        for s in (-1, 1):
            x, y = self.P(s * 0.085 * nw, nl + 0.035, 0.95)
            self.c.save()
            nos = self.path(
                [
                    (s * 0.04 * nw, nl + 0.04, 0.97),
                    (s * 0.085 * nw, nl + 0.012, 0.95),
                    (s * 0.135 * nw, nl + 0.035, 0.9),
                    (s * 0.085 * nw, nl + 0.06, 0.93),
                ]
            )
            self.fill(nos, dark, 0.85, 0.012)
            self.c.restore()
            self.stroke(
                self.path(
                    [
                        (s * 0.17 * nw, nl - 0.09, 0.84),
                        (s * 0.205 * nw, nl - 0.01, 0.82),
                        (s * 0.17 * nw, nl + 0.05, 0.85),
                    ],
                    False,
                ),
                dark,
                0.02,
                0.42,
                0.014,
            )
        self.stroke(
            self.path([(-0.07 * nw, nl + 0.07, 0.95), (0, nl + 0.09, 1.0), (0.07 * nw, nl + 0.07, 0.95)], False),
            dark,
            0.03,
            0.4,
            0.02,
        )
        sh = -1 if self.L[0] > 0 else 1
        self.stroke(
            self.path([(sh * 0.1, -0.08, 0.8), (sh * 0.085, 0.15, 0.9), (sh * 0.14 * nw, nl - 0.12, 0.9)], False),
            dark,
            0.06,
            0.17 + 0.2 * abs(self.L[0]),
            0.04,
        )

    def mouth(self):
        i, v = self.i, self.v
        skin = i["skin"]
        y0 = i["nose_l"] + 0.305
        w = 0.29 * i["mouth_w"]
        sm = v["smile"]
        cur = {"neutral": 0.0, "smile": -0.055, "grin": -0.085, "sad": 0.05, "surprised": 0.0}[sm]
        w *= {"smile": 1.1, "grin": 1.2, "surprised": 0.7}.get(sm, 1.0)
        lip = mix(skin, (176, 62, 66), 0.48 if not i["man"] else 0.32)
        if i["lipstick"]:
            lip = mix(lip, (178, 30, 48), 0.55)
        L = i["lip"] * (1.0 if not i["man"] else 0.8)
        gap = {"grin": 0.1, "surprised": 0.17}.get(sm, 0.0)
        up = [
            (-w, y0 + cur),
            (-w * 0.5, y0 - 0.045 * L + cur * 0.25),
            (-w * 0.16, y0 - 0.072 * L),
            (0, y0 - 0.052 * L),
            (w * 0.16, y0 - 0.072 * L),
            (w * 0.5, y0 - 0.045 * L + cur * 0.25),
            (w, y0 + cur),
        ]
        mid_u = [(w * 0.5, y0 + 0.006 + cur * 0.1), (0, y0 + 0.012 - cur * 0.15), (-w * 0.5, y0 + 0.006 + cur * 0.1)]
        g = gap - cur * 0.3 * (gap > 0)
        mid_l = [
            (w * 0.55, y0 + g * 0.75 + 0.006 + cur * 0.1),
            (0, y0 + g + 0.012 - cur * 0.15),
            (-w * 0.55, y0 + g * 0.75 + 0.006 + cur * 0.1),
        ]
        low = [
            (w, y0 + cur),
            (w * 0.6, y0 + g * 0.8 + 0.07 * L + cur * 0.1),
            (0, y0 + g + 0.11 * L - cur * 0.15),
            (-w * 0.6, y0 + g * 0.8 + 0.07 * L + cur * 0.1),
            (-w, y0 + cur),
        ]
        if gap:
            inside = self.path([(-w * 0.96, y0 + cur)] + mid_u[::-1] + [(w * 0.96, y0 + cur)] + mid_l)
            self.fill(inside, (78, 22, 26))
            self.c.save()
            self.c.clipPath(inside, skia.ClipOp.kIntersect, True)
            if sm == "grin":
                teeth = self.path(
                    [
                        (-w * 0.86, y0 + cur * 0.7 - 0.02),
                        (w * 0.86, y0 + cur * 0.7 - 0.02),
                        (w * 0.6, y0 + g * 0.62),
                        (0, y0 + g * 0.86),
                        (-w * 0.6, y0 + g * 0.62),
                    ]
                )
                self.fill(teeth, self.lit((244, 240, 232), 0.97))
                for k in range(-2, 3):
                    self.stroke(
                        self.path(
                            [(k * w * 0.22 + w * 0.11, y0 - 0.02), (k * w * 0.21 + w * 0.1, y0 + g * 0.8)], False
                        ),
                        (150, 120, 110),
                        0.007,
                        0.3,
                    )
            else:
                self.fill(
                    self.path(
                        [(-w * 0.6, y0 + g * 0.95), (0, y0 + g * 0.6), (w * 0.6, y0 + g * 0.95), (0, y0 + g * 1.2)]
                    ),
                    (188, 84, 84),
                    0.9,
                    0.02,
                )
            self.c.restore()
        if sm == "surprised":
            ring = lambda rx, ry: [
                (rx * math.cos(q * math.pi / 5), y0 + g * 0.5 + ry * math.sin(q * math.pi / 5)) for q in range(10)
            ]
            self.fill(
                self.path(ring(w * 0.86, g * 0.5 + 0.07 * L)),
                lip,
                shader=self.lin(self.P(0, y0 - 0.1), self.P(0, y0 + g + 0.1), [self.lit(lip, 0.8), self.lit(lip, 1.0)]),
            )
            self.fill(self.path(ring(w * 0.62, g * 0.5 - 0.005)), (84, 26, 30))
            self.fill(
                self.path([(-w * 0.4, y0 + g * 0.9), (0, y0 + g * 0.62), (w * 0.4, y0 + g * 0.9)]),
                (186, 84, 84),
                0.8,
                0.02,
            )
        else:
            self.fill(self.path(up + mid_u, sm=True), self.lit(lip, 0.74))
            self.fill(self.path(low + mid_l[::-1], sm=True), self.lit(lip, 0.95))
        x, y = self.P(0, y0 + g + 0.065 * L)
        self.fill(
            self.path(
                [
                    (-w * 0.4, y0 + g + 0.05 * L),
                    (0, y0 + g + 0.04 * L),
                    (w * 0.4, y0 + g + 0.05 * L),
                    (0, y0 + g + 0.08 * L),
                ]
            ),
            (255, 240, 236),
            0.32,
            0.018,
        )
        if not gap:
            self.stroke(
                self.path(
                    [
                        (-w * 1.03, y0 + cur),
                        (-w * 0.5, y0 + 0.006 + cur * 0.1),
                        (0, y0 + 0.012 - cur * 0.15),
                        (w * 0.5, y0 + 0.006 + cur * 0.1),
                        (w * 1.03, y0 + cur),
                    ],
                    False,
                ),
                self.lit(mix(lip, (60, 10, 16), 0.6), 0.55),
                0.022,
                0.9,
                0.004,
            )
        for s in (-1, 1) if sm != "surprised" else ():
            self.stroke(
                self.path([(s * w * 1.02, y0 + cur - 0.01), (s * w * 1.1, y0 + cur + 0.02)], False),
                self.lit(mix(skin, (80, 30, 30), 0.4), 0.6),
                0.03,
                0.6,
                0.018,
            )
        self.fill(
            self.path(
                [
                    (-w * 0.5, y0 + g + 0.15 * L),
                    (0, y0 + g + 0.17 * L),
                    (w * 0.5, y0 + g + 0.15 * L),
                    (0, y0 + g + 0.2 * L),
                ]
            ),
            self.lit(skin, 0.55),
            0.45,
            0.03,
        )
        old = {"old": 0.6, "middle-aged": 0.32}.get(i["age"], 0.0) + (0.22 if sm in ("grin", "smile") else 0)
        if old:
            for s in (-1, 1):
                self.stroke(
                    self.path(
                        [(s * 0.2, i["nose_l"] - 0.02), (s * 0.33, i["nose_l"] + 0.13), (s * 0.39, y0 + 0.06)], False
                    ),
                    self.lit(mix(skin, (100, 40, 34), 0.35), 0.58),
                    0.028,
                    old,
                    0.018,
                )
        if i["age"] == "old" or (i["age"] == "middle-aged" and i["man"]):
            for k in range(3):
                y = -0.5 - 0.12 * k
                self.stroke(
                    self.path([(-0.36, y + 0.02), (-0.12, y - 0.01), (0.12, y + 0.005), (0.36, y + 0.02)], False),
                    self.lit(skin, 0.62),
                    0.016,
                    0.5 if i["age"] == "old" else 0.25,
                    0.014,
                )
