"""Hair and beards."""

import math

import numpy as np
import skia

from .palette import mix, mul


class Hair:
    """Behind the head, over the forehead, and on the chin."""

    def hair_shader(self, base, y0=-1.4, y1=0.6):
        l = self.L[0]
        return self.lin(
            self.P(0.9 * l, y0, 0),
            self.P(-0.7 * l, y1, 0),
            [self.lit(mix(base, (255, 246, 226), 0.12), 1.0), self.lit(base, 0.92), self.lit(base, 0.55)],
            [0, 0.45, 1],
        )

    def hair_back(self):
        i = self.i
        st, b = i["style"], i["hair_rgb"]
        fw = i["face_w"]
        if st in ("long straight", "long wavy", "long curly"):
            wv = {"long straight": 0.0, "long wavy": 0.09, "long curly": 0.14}[st]
            L = 2.35
            ptsR, ptsL = [], []
            ys = [-0.95, -0.5, 0, 0.45, 0.9, 1.35, 1.8, L]
            for k, y in enumerate(ys):
                w = np.interp(y, [-1.3, -0.6, 0.2, 1.2, L], [0.6, fw + 0.16, fw + 0.24, fw + 0.3, fw + 0.16]) + wv * (
                    1 if k % 2 else -1
                ) * (y > 0)
                if st == "long curly":
                    w += 0.1
                ptsR.append((w, y, -0.2))
                ptsL.append((-w, y, -0.2))
            pts = [(0, -1.36, -0.1)] + ptsR + [(0, L - 0.1, -0.3)] + ptsL[::-1]
        elif st in ("bob", "medium-length"):
            e = 0.95 if st == "bob" else 1.25
            pts = [
                (0, -1.38, -0.1),
                (0.62, -1.2, -0.1),
                (fw + 0.16, -0.55, -0.1),
                (fw + 0.26, 0.2, -0.1),
                (fw + 0.26, e - 0.25, -0.1),
                (fw + 0.02, e, 0),
                (0, e - 0.1, -0.3),
                (-fw - 0.02, e, 0),
                (-fw - 0.26, e - 0.25, -0.1),
                (-fw - 0.26, 0.2, -0.1),
                (-fw - 0.16, -0.55, -0.1),
                (-0.62, -1.2, -0.1),
            ]
        elif st == "ponytail":
            s = 1 if i["part"] > 0 else -1
            pts = [
                (s * 0.5, -0.9, -0.6),
                (s * 1.1, -0.75, -0.6),
                (s * 1.32, 0.0, -0.6),
                (s * 1.3, 0.9, -0.6),
                (s * 1.12, 1.6, -0.6),
                (s * 1.0, 0.9, -0.6),
                (s * 0.8, 0.1, -0.6),
            ]
        elif st == "bun":
            x, y = self.P(0, -1.52, -0.35)
            R = 0.42 * self.u
            self.circle(
                x,
                y,
                R,
                b,
                shader=self.rad(
                    (x + R * 0.5 * self.L[0], y - R * 0.4),
                    R * 1.6,
                    [self.lit(mix(b, (255, 240, 215), 0.3), 1.05), self.lit(b, 0.9), self.lit(b, 0.5)],
                ),
            )
            for k in range(5):
                self.stroke(
                    self.path(
                        [
                            (-0.36 + 0.1 * k, -1.62, -0.35),
                            (-0.1 + 0.06 * k, -1.5 - 0.04 * k, -0.35),
                            (0.34 - 0.02 * k, -1.62 + 0.08 * k, -0.35),
                        ],
                        False,
                    ),
                    self.lit(b, 0.55),
                    0.018,
                    0.4,
                    0.01,
                )
            return
        elif st in ("curly", "afro"):
            R, n = (0.33, 26) if st == "afro" else (0.22, 22)
            rad = 1.13 if st == "afro" else 1.0
            for k in range(n):
                a = (
                    math.pi * (1.08 + 0.0 - 1.16 * (k / (n - 1)))
                    if st == "curly"
                    else math.pi * (1.25 - 1.5 * k / (n - 1))
                )
                x0, y0 = math.cos(a) * rad * 0.98, -0.32 - math.sin(a) * rad * (1.0 if st == "curly" else 1.1)
                x, y = self.P(x0, y0, -0.2)
                rr = R * self.u * self.rng.uniform(0.85, 1.2)
                self.circle(
                    x,
                    y,
                    rr,
                    b,
                    shader=self.rad(
                        (x + rr * 0.4 * self.L[0], y - rr * 0.4),
                        rr * 1.5,
                        [self.lit(mix(b, (255, 240, 215), 0.16), 1.0), self.lit(b, 0.85), self.lit(b, 0.5)],
                    ),
                )
            return
        else:
            return
        p = self.path(pts)
        self.fill(
            p,
            b,
            shader=self.lin(
                self.P(0, -1.2, 0), self.P(0, 2.2, 0), [self.lit(b, 0.75), self.lit(b, 0.55), self.lit(b, 0.8)]
            ),
        )
        n = 46
        wv = {"long wavy": 0.06, "long curly": 0.12}.get(st, 0.0)

        def fn(t, r):
            x = -1.25 + 2.5 * t
            if st == "ponytail":
                s = 1 if i["part"] > 0 else -1
                o = (t - 0.5) * 0.3
                return [
                    (s * (0.75 + o), -0.75, -0.6),
                    (s * (1.15 + o), 0.1, -0.6),
                    (s * (1.15 + o), 0.8, -0.6),
                    (s * (1.08 + o * 0.4), 1.5, -0.6),
                ]
            ph = r.random() * 6
            return [(x * 0.75, -1.1, -0.2)] + [
                (x * (1 + 0.06 * k) + wv * math.sin(ph + 2.2 * k), -0.6 + 0.5 * k, -0.2) for k in range(7)
            ]

        self.strands(fn, n, b, p, 0.04, 0.35, 0.3, 0.006)

    def hair_front(self):
        i, v = self.i, self.v
        st, b = i["style"], i["hair_rgb"]
        fw, part = i["face_w"], i["part"]
        if st == "bald":
            return
        old_m = i["man"] and i["age"] == "old"
        hl = -0.72 if i["man"] else -0.66  # hairline
        if old_m:
            hl -= 0.1
        if st == "buzz cut":
            p = self.path(
                [
                    (0, -1.14, -0.05),
                    (0.46, -1.06, -0.05),
                    (0.78, -0.74, -0.05),
                    (fw + 0.015, -0.2, -0.05),
                    (fw - 0.0, 0.06),
                    (fw - 0.09, -0.3),
                    (0.62, hl + 0.14),
                    (0.3, hl),
                    (0, hl - 0.02),
                    (-0.3, hl),
                    (-0.62, hl + 0.14),
                    (-fw + 0.09, -0.3),
                    (-fw, 0.06),
                    (-fw - 0.015, -0.2, -0.05),
                    (-0.78, -0.74, -0.05),
                    (-0.46, -1.06, -0.05),
                ]
            )
            self.fill(p, b, 0.55, 0.03)
            self.fill(p, b, a=0.6, shader=self.hair_shader(b, -1.2, 0))
            return
        lift = {
            "short": 0.14,
            "side-parted": 0.2,
            "curly": 0.2,
            "spiky": 0.2,
            "afro": 0.3,
            "medium-length": 0.2,
            "swept-back": 0.24,
            "pixie": 0.17,
        }.get(st, 0.2)
        top = -1.14 - lift
        side = {
            "short": 0.1,
            "side-parted": 0.1,
            "spiky": 0.06,
            "swept-back": 0.06,
            "pixie": 0.3,
            "afro": 0.02,
            "curly": 0.12,
        }.get(st, 0.16)
        sw = fw + {
            "short": 0.05,
            "side-parted": 0.06,
            "spiky": 0.04,
            "swept-back": 0.05,
            "curly": 0.1,
            "afro": 0.18,
            "ponytail": 0.04,
            "bun": 0.04,
        }.get(st, 0.12)
        long = st in ("long straight", "long wavy", "long curly", "bob", "medium-length")
        outer = [
            (-sw + 0.0, 0.0, -0.05),
            (-sw - 0.02, -0.4, -0.05),
            (-0.79, -0.4 + (top + 0.4) * 0.62, -0.05),
            (-0.43, top + 0.1, -0.05),
            (0, top, -0.05),
            (0.43, top + 0.1, -0.05),
            (0.79, -0.4 + (top + 0.4) * 0.62, -0.05),
            (sw + 0.02, -0.4, -0.05),
            (sw, 0.0, -0.05),
        ]
        fr = i["fringe"] and not old_m
        if st == "spiky":
            o2 = []
            for k in range(13):
                a = math.pi * (1.02 - 1.04 * k / 12)
                q = 1.0 + (0.15 if k % 2 else -0.02) + self.rng.uniform(-0.03, 0.05)
                o2.append((math.cos(a) * (fw + 0.04) * q, -0.22 - math.sin(a) * (1.02 + lift * 0.35) * q, -0.05))
            outer = [(-sw, 0.05, -0.05)] + o2 + [(sw, 0.05, -0.05)]
        if st in ("swept-back", "ponytail", "bun", "afro", "curly") and not (fr and st == "curly"):
            inner = [
                (fw - 0.07, -0.22),
                (fw - 0.16, -0.5),
                (0.5, hl + 0.03),
                (0.2, hl - 0.05),
                (-0.2, hl - 0.05),
                (-0.5, hl + 0.03),
                (-fw + 0.16, -0.5),
                (-fw + 0.07, -0.22),
            ]
        elif fr and st not in ("side-parted",):
            w = fw - 0.1
            j = self.rng
            inner = (
                [(w, 0.02), (w - 0.04, -0.3)]
                + [(x, -0.34 + j.uniform(-0.05, 0.05) + 0.08 * abs(x)) for x in (0.55, 0.3, 0.05, -0.2, -0.45)]
                + [(-w + 0.04, -0.3), (-w, 0.02)]
            )
        else:
            s = 1 if part > 0 else -1
            P_ = abs(part)
            a = [
                (fw - 0.06, -0.06),
                (fw - 0.13, -0.36),
                (0.56, -0.6),
                (P_ + 0.06, hl - 0.1),
                (P_, hl - 0.16),
                (P_ - 0.16, hl - 0.02),
                (-0.3, -0.52),
                (-0.62, -0.36),
                (-fw + 0.1, -0.18),
                (-fw + 0.05, 0.0),
            ]
            inner = a if s > 0 else [(-x, y) for x, y in a][::-1]
        if long:  # side curtains over the edge of the face
            ends = 1.0 if st == "bob" else 1.3 if st == "medium-length" else 2.2
            for s in (-1, 1):
                wv = {"long wavy": 0.07, "long curly": 0.1}.get(st, 0.02)
                inn = [
                    (s * (fw - 0.1), -0.4),
                    (s * (fw - 0.12), 0.1),
                    (s * (fw - 0.1 - wv), 0.5, 0.1),
                    (s * (fw - 0.02), 0.85, 0.1),
                ]
                out = [
                    (s * (fw + 0.2), 0.9, 0.0),
                    (s * (fw + 0.2 + wv), 0.45, -0.05),
                    (s * (fw + 0.17), 0, -0.05),
                    (s * (fw + 0.08), -0.5, -0.05),
                ]
                if ends > 1.2:
                    inn += [(s * (fw - 0.1 - wv), 1.3, 0.2), (s * (fw - 0.12), ends - 0.2, 0.25)]
                    out = [(s * (fw + 0.1), ends, 0.2), (s * (fw + 0.28 + wv), 1.5, 0.1)] + out
                p = self.path(inn + out)
                self.fill(p, (0, 0, 0), 0.22, 0.05)
                self.fill(
                    p,
                    b,
                    shader=self.lin(
                        self.P(0, -0.5, 0),
                        self.P(0, ends, 0),
                        [self.lit(b, 0.95 if s * self.L[0] > -0.2 else 0.72), self.lit(b, 0.72)],
                    ),
                )

                def fn(t, r, s=s):
                    x = fw - 0.14 + 0.36 * t
                    ph = r.random() * 6
                    return [(s * (x - 0.06), -0.5, 0)] + [
                        (s * (x + wv * math.sin(ph + 2 * k)), -0.1 + 0.45 * k, 0.05) for k in range(6)
                    ]

                self.strands(fn, 16, b, p, 0.03, 0.4, 0.34, 0.004)
        p = self.path(outer + inner, sm=True) if st != "spiky" else self.path(outer + inner)
        # shadow on the forehead
        c = self.c
        c.save()
        c.clipPath(self.face_path, skia.ClipOp.kIntersect, True)
        sh = skia.Path(p)
        sh.offset(-0.03 * self.L[0] * self.u, 0.075 * self.u)
        self.fill(sh, self.lit(mix(i["skin"], (70, 24, 20), 0.5), 0.5), 0.5, 0.05)
        c.restore()
        self.fill(p, b, shader=self.hair_shader(b))
        if st in ("curly", "afro", "long curly"):
            c.save()
            c.clipPath(p, skia.ClipOp.kIntersect, True)
            for k in range(150):
                x, y = self.rng.uniform(-1.2, 1.2), self.rng.uniform(-1.6, -0.2)
                a0, rr = self.rng.uniform(0, 6.3), self.rng.uniform(0.045, 0.1)
                q = self.rng.gauss(0, 1)
                cc = mul(b, 1 + 0.35 * q) if q < 0 else mix(b, (255, 240, 215), min(0.4, 0.13 * q))
                self.stroke(
                    self.path(
                        [(x + rr * math.cos(a0 + j * 1.1), y + rr * math.sin(a0 + j * 1.1), 0.3) for j in range(4)],
                        False,
                    ),
                    self.lit(cc, 0.95),
                    0.045,
                    0.32,
                    0.014,
                )
            c.restore()
            return
        s = 1 if part > 0 else -1

        def fn(t, r):
            if st in ("swept-back", "ponytail", "bun"):
                x = -0.95 + 1.9 * t
                return [(x * 0.8, hl - 0.02, 0.3), (x * 0.9, -0.95, 0.2), (x * 0.7, top - 0.02, -0.1)]
            if fr and st != "side-parted":
                x = -1.0 + 2.0 * t
                return [
                    (x * 0.35, top + 0.02, 0.1),
                    (x * 0.75, -0.95, 0.2),
                    (x * 0.98, -0.6, 0.3),
                    (x * 1.0, -0.25, 0.3),
                ]
            if st == "spiky":
                x = -0.9 + 1.8 * t
                return [(x * 0.9, -0.55, 0.2), (x * 1.02, -0.95, 0.1), (x * 1.15, -1.35, 0)]
            x0 = part
            if t < 0.36:
                e = s * (abs(part) + 0.1 + (1.1 - abs(part)) * (t / 0.36))
                return [(x0, top + 0.05, 0.1), ((x0 + e) / 2, -1.05, 0.1), (e, -0.55, 0.05), (e * 1.02, 0.1, 0.0)]
            e = -s * 1.15 * ((t - 0.36) / 0.64) + x0
            return [
                (x0, top + 0.05, 0.1),
                ((x0 + e) / 2, -1.08 + 0.1 * t, 0.15),
                (e, -0.62, 0.2),
                (e * 1.02 - s * 0.1, -0.15, 0.05),
            ]

        self.strands(fn, 64, b, p, 0.026, 0.42, 0.3, 0.003)
        # a soft band of shine
        c.save()
        c.clipPath(p, skia.ClipOp.kIntersect, True)
        lx = self.L[0]
        self.stroke(
            self.path(
                [
                    (-0.72 + 0.25 * lx, -0.72, 0.2),
                    (-0.4 + 0.25 * lx, -1.0, 0.2),
                    (0.0 + 0.25 * lx, -1.08, 0.2),
                    (0.4 + 0.25 * lx, -1.0, 0.2),
                    (0.72 + 0.25 * lx, -0.72, 0.2),
                ],
                False,
            ),
            mix(b, (255, 248, 232), 0.55),
            0.1,
            0.28,
            0.07,
        )
        c.restore()

    def beard(self):
        i = self.i
        k, b = i["beard"], i["hair_rgb"]
        if k == "none":
            return
        fw, jw, cy = i["face_w"], i["jaw"], i["chin_y"]
        y0 = i["nose_l"] + 0.305
        c = self.c
        bb = mul(b, 0.9)
        full = [
            (fw * 0.97, 0.12, 0.05),
            (fw * 0.9, 0.3),
            (0.62, 0.62),
            (0.42, y0 - 0.02),
            (0.36, y0 - 0.14),
            (0.16, y0 - 0.19),
            (0, y0 - 0.15),
            (-0.16, y0 - 0.19),
            (-0.36, y0 - 0.14),
            (-0.42, y0 - 0.02),
            (-0.62, 0.62),
            (-fw * 0.9, 0.3),
            (-fw * 0.97, 0.12, 0.05),
        ]
        ext = {"full beard": 0.16, "short beard": 0.02, "stubble": 0.0}.get(k, 0.0)
        low = [
            (-fw * 0.95, 0.55, 0.1),
            (-jw * 1.14 - ext * 0.3, 0.88, 0.25),
            (-jw * 0.62 - ext * 0.4, cy - 0.08 + ext, 0.45),
            (0, cy + 0.02 + ext * 1.5, 0.5),
            (jw * 0.62 + ext * 0.4, cy - 0.08 + ext, 0.45),
            (jw * 1.14 + ext * 0.3, 0.88, 0.25),
            (fw * 0.95, 0.55, 0.1),
        ]
        moust = [
            (0, y0 - 0.17),
            (0.12, y0 - 0.185),
            (0.28, y0 - 0.1),
            (0.4, y0 + 0.03),
            (0.3, y0 + 0.0),
            (0.12, y0 - 0.055),
            (0, y0 - 0.06),
            (-0.12, y0 - 0.055),
            (-0.3, y0 + 0.0),
            (-0.4, y0 + 0.03),
            (-0.28, y0 - 0.1),
            (-0.12, y0 - 0.185),
        ]
        if k == "stubble":
            c.save()
            c.clipPath(self.face_path, skia.ClipOp.kIntersect, True)
            self.fill(self.path(full + low), mix(bb, (60, 60, 70), 0.3), 0.34, 0.06)
            c.restore()
            return
        if k in ("full beard", "short beard"):
            p = self.path(full + low)
            self.fill(p, bb, 0.8 if k == "full beard" else 0.62, 0.035)
            self.fill(
                p,
                bb,
                0.75 if k == "full beard" else 0.4,
                0.0,
                shader=self.lin(
                    self.P(0.8 * self.L[0], 0.3), self.P(-0.8 * self.L[0], 1.2), [self.lit(bb, 1.08), self.lit(bb, 0.6)]
                ),
            )

            def fn(t, r):
                x = -0.85 + 1.7 * t
                y = 0.45 + 0.5 * (1 - x * x) + r.uniform(-0.2, 0.35)
                return [(x, y, 0.4), (x * 0.97, y + 0.14, 0.4), (x * 0.9, y + 0.28, 0.4)]

            self.strands(fn, 60, bb, p, 0.016, 0.4, 0.34)
        if k == "goatee":
            p = self.path(
                [
                    (-0.2, y0 + 0.16),
                    (0, y0 + 0.13),
                    (0.2, y0 + 0.16),
                    (0.22, cy - 0.06, 0.5),
                    (0, cy + 0.1, 0.5),
                    (-0.22, cy - 0.06, 0.5),
                ]
            )
            self.fill(p, bb, 0.9, 0.03)
        m = self.path(moust)
        self.fill(m, bb, 0.9, 0.014)
        self.fill(m, self.lit(bb, 1.0), 0.8)
        self.strands(
            lambda t, r: [
                (-0.02 + (t - 0.5) * 0.2, y0 - 0.17),
                ((t - 0.5) * 0.5, y0 - 0.1),
                ((t - 0.5) * 0.8, y0 + 0.0),
            ],
            24,
            bb,
            m,
            0.012,
            0.5,
            0.4,
        )
