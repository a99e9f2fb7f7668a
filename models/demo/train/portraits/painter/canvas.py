"""A picture to draw on, in the frame of a turned head under one light."""

import math
import random

import numpy as np
import skia

from .palette import col, mix, mul


class Canvas:
    """Face units to pixels, smooth paths, lit colours, strands."""

    def __init__(self, ident, var, w, h):
        self.place(ident, var, w, h)
        self.rng = random.Random(ident["tex"])
        self.rv = random.Random(var["tex"])
        self.buf = np.zeros((h, w, 4), np.uint8)
        self.c = skia.Surface(self.buf).getCanvas()
        ang = {"front": (0.0, -0.25), "left": (-0.85, -0.35), "right": (0.85, -0.35), "above": (0.0, -0.9)}[
            var["light"]
        ]
        lx, ly = ang[0] + self.rv.uniform(-0.15, 0.15), ang[1] + self.rv.uniform(-0.12, 0.12)
        n = math.sqrt(lx * lx + ly * ly + 1)
        self.L = (lx / n, ly / n, 1 / n)
        self.tint = {"neutral": (1, 1, 1), "warm": (1.07, 1.0, 0.88), "cool": (0.92, 0.98, 1.09)}[var["warm"]]

    def place(self, ident, var, w, h):
        """Where the head stands, and how it is turned."""
        self.i, self.v, self.w, self.h = ident, var, w, h
        self.u = var["scale"] * min(w, h) * (1.0 if h <= w else 1.08)
        self.ox, self.oy = var["cx"] * w, var["cy"] * (h if h <= w else w + (h - w) * 0.55)
        self.cy_, self.sy = math.cos(var["yaw"]), math.sin(var["yaw"])
        self.cp, self.sp = math.cos(var["pitch"]), math.sin(var["pitch"])
        self.cr, self.sr = math.cos(var["roll"]), math.sin(var["roll"])

    def P(self, x, y, z=None):
        """Face frame (origin between the eyes, y down, unit about 55 % of the head) -> pixels."""
        if z is None:
            z = 0.85 * math.sqrt(max(0.0, 1 - (x / 0.95) ** 2 - ((y - 0.1) / 1.5) ** 2))
        yc = y - 0.5
        x2, z2 = x * self.cy_ + z * self.sy, z * self.cy_ - x * self.sy
        y2 = yc * self.cp + z2 * self.sp + 0.5
        xr, yr = x2 * self.cr - (y2 - 0.9) * self.sr, x2 * self.sr + (y2 - 0.9) * self.cr + 0.9
        return self.ox + xr * self.u, self.oy + yr * self.u

    def path(self, pts, closed=True, z=None, sm=True, raw=False):
        """A smooth (Catmull-Rom) path through points."""
        q = [p if raw else self.P(p[0], p[1], p[2] if len(p) > 2 else z) for p in pts]
        path = skia.Path()
        n = len(q)
        path.moveTo(*q[0])
        if not sm:
            for p in q[1:]:
                path.lineTo(*p)
        else:
            for k in range(n if closed else n - 1):
                if closed:
                    p0, p1, p2, p3 = q[k - 1], q[k], q[(k + 1) % n], q[(k + 2) % n]
                else:
                    p0, p1, p2, p3 = q[max(0, k - 1)], q[k], q[k + 1], q[min(n - 1, k + 2)]
                path.cubicTo(
                    p1[0] + (p2[0] - p0[0]) / 6,
                    p1[1] + (p2[1] - p0[1]) / 6,
                    p2[0] - (p3[0] - p1[0]) / 6,
                    p2[1] - (p3[1] - p1[1]) / 6,
                    *p2
                )
        if closed:
            path.close()
        return path

    def fill(self, path, c, a=1.0, blur=0.0, shader=None):
        p = skia.Paint(AntiAlias=True)
        if shader is not None:
            p.setShader(shader)
            p.setAlphaf(a)
        else:
            p.setColor(col(c, a))
        if blur:
            p.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur * self.u))
        self.c.drawPath(path, p)

    def stroke(self, path, c, width, a=1.0, blur=0.0):
        p = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width * self.u,
            Color=col(c, a),
            StrokeCap=skia.Paint.kRound_Cap,
            StrokeJoin=skia.Paint.kRound_Join,
        )
        if blur:
            p.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur * self.u))
        self.c.drawPath(path, p)

    def circle(self, x, y, r, c, a=1.0, blur=0.0, shader=None):
        path = skia.Path()
        path.addCircle(x, y, r)
        self.fill(path, c, a, blur, shader)

    def _ring(self, x, y, r):
        p = skia.Path()
        p.addCircle(x, y, r)
        return p

    def lin(self, p0, p1, cols, pos=None):
        return skia.GradientShader.MakeLinear(
            [skia.Point(*p0), skia.Point(*p1)], [col(*c) if isinstance(c[0], tuple) else col(c) for c in cols], pos
        )

    def rad(self, p, r, cols, pos=None):
        return skia.GradientShader.MakeRadial(
            skia.Point(*p), r, [col(*c) if isinstance(c[0], tuple) else col(c) for c in cols], pos
        )

    def lit(self, c, k):
        """A colour under light k (1 = the base colour): shadows go warm and saturated, lights pale."""
        c = tuple(v * t for v, t in zip(c, self.tint))
        if k < 1:
            return tuple(v * (k**e) for v, e in zip(c, (0.85, 1.05, 1.0)))
        return mix(c, (255, 250, 240), min(1, (k - 1)))

    def strands(self, pts_fn, n, base, clip, width=0.02, alpha=0.5, jitter=0.3, blur=0.0):
        c = self.c
        c.save()
        c.clipPath(clip, skia.ClipOp.kIntersect, True)
        for k in range(n):
            t = (k + self.rng.random()) / n
            q = self.rng.gauss(0, 1)
            cc = mul(base, 1 + jitter * q) if q < 0 else mix(base, (255, 240, 215), min(0.5, jitter * 0.38 * q))
            self.stroke(
                self.path(pts_fn(t, self.rng), False),
                self.lit(cc, 1.0),
                width * self.rng.uniform(0.6, 1.4),
                alpha,
                blur,
            )
        c.restore()
