"""What is behind the person."""

import skia

from .palette import COLOURS, col, mix, mul


class Scenery:
    """Plain grounds and scenes."""

    def background(self):
        w, h, v, r = self.w, self.h, self.v, self.rv
        c, s = self.c, min(self.w, self.h)
        full = skia.Path()
        full.addRect(skia.Rect.MakeWH(w, h))
        lx = 0.5 + 0.45 * self.L[0]

        def blob(x, y, rad, colour, a, soft):
            p = skia.Paint(
                AntiAlias=True,
                Color=col(colour, a),
                MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, soft * s),
            )
            c.drawCircle(x * w, y * h, rad * s, p)

        if v["bg"] == "plain":
            b = tuple(x * (1 + 0.25 * (t - 1)) for x, t in zip(COLOURS[v["bg_col"]], self.tint))
            self.fill(
                full,
                b,
                shader=self.rad(
                    (lx * w, 0.36 * h), 0.95 * max(w, h), [mix(b, (255, 255, 255), 0.2), b, mul(b, 0.62)], [0, 0.45, 1]
                ),
            )
        elif v["bg"] == "sunset sky":
            self.fill(
                full,
                (0, 0, 0),
                shader=self.lin(
                    (0, 0), (0, h), [(70, 62, 122), (190, 96, 122), (246, 160, 92), (252, 212, 130)], [0, 0.4, 0.72, 1]
                ),
            )
            blob(0.2 + 0.6 * r.random(), 0.8, 0.12, (255, 236, 180), 0.9, 0.05)
            for _ in range(5):
                y = r.uniform(0.1, 0.6)
                c.drawOval(
                    skia.Rect.MakeXYWH(r.uniform(-0.2, 0.8) * w, y * h, 0.5 * w, 0.035 * h),
                    skia.Paint(
                        Color=col((250, 170, 140), 0.35),
                        MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.015 * s),
                    ),
                )
        elif v["bg"] == "blue sky":
            self.fill(
                full,
                (0, 0, 0),
                shader=self.lin((0, 0), (0, h), [(64, 134, 210), (150, 200, 238), (214, 234, 246)], [0, 0.6, 1]),
            )
            for _ in range(4):
                x, y = r.random(), r.uniform(0.08, 0.7)
                for _ in range(5):
                    blob(x + r.gauss(0, 0.07), y + r.gauss(0, 0.015), r.uniform(0.04, 0.09), (255, 255, 255), 0.5, 0.02)
        elif v["bg"] in ("forest", "garden"):
            self.fill(full, (0, 0, 0), shader=self.lin((0, 0), (0, h), [(128, 168, 96), (58, 100, 54), (34, 62, 36)]))
            for _ in range(26):
                g = r.uniform(0.5, 1.3)
                blob(r.random(), r.random(), r.uniform(0.04, 0.12), mul((84, 140, 66), g), 0.5, 0.025)
            if v["bg"] == "garden":
                for _ in range(22):
                    blob(
                        r.random(),
                        r.uniform(0.3, 1),
                        r.uniform(0.015, 0.035),
                        r.choice([(236, 110, 140), (250, 214, 90), (240, 240, 236), (206, 60, 70)]),
                        0.85,
                        0.006,
                    )
            else:
                for _ in range(5):
                    x = r.random() * w
                    c.drawRect(
                        skia.Rect.MakeXYWH(x, 0, r.uniform(0.03, 0.06) * s, h),
                        skia.Paint(
                            Color=col((58, 44, 34), 0.8),
                            MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.012 * s),
                        ),
                    )
        elif v["bg"] == "city lights at night":
            self.fill(full, (0, 0, 0), shader=self.lin((0, 0), (0, h), [(14, 16, 36), (36, 32, 62), (60, 44, 62)]))
            for _ in range(24):
                blob(
                    r.random(),
                    r.uniform(0.1, 0.95),
                    r.uniform(0.018, 0.045),
                    r.choice([(255, 206, 120), (255, 150, 90), (130, 180, 255), (255, 110, 130), (250, 240, 210)]),
                    0.65,
                    0.006,
                )
        elif v["bg"] == "beach":
            self.fill(
                full,
                (0, 0, 0),
                shader=self.lin(
                    (0, 0),
                    (0, h),
                    [
                        (118, 184, 232),
                        (206, 232, 244),
                        (60, 140, 176),
                        (104, 186, 196),
                        (232, 208, 160),
                        (220, 190, 140),
                    ],
                    [0, 0.45, 0.47, 0.62, 0.66, 1],
                ),
            )
        elif v["bg"] == "snow":
            self.fill(
                full, (0, 0, 0), shader=self.lin((0, 0), (0, h), [(168, 186, 208), (214, 222, 234), (244, 246, 250)])
            )
            for _ in range(6):
                x = r.random()
                hgt, y0 = r.uniform(0.2, 0.4), r.uniform(0.6, 0.75)
                p = skia.Path()
                p.moveTo(x * w, (y0 - hgt) * h)
                p.lineTo((x + 0.12) * w, y0 * h)
                p.lineTo((x - 0.12) * w, y0 * h)
                p.close()
                c.drawPath(
                    p,
                    skia.Paint(
                        AntiAlias=True,
                        Color=col((96, 122, 130), 0.7),
                        MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.012 * s),
                    ),
                )
            for _ in range(30):
                blob(r.random(), r.random(), r.uniform(0.005, 0.012), (255, 255, 255), 0.8, 0.003)
        else:  # library
            self.fill(full, (58, 38, 26))
            rows = 5
            for k in range(rows):
                x = -0.02
                while x < 1:
                    bw = r.uniform(0.035, 0.065)
                    bh = r.uniform(0.12, 0.165)
                    b = r.choice(
                        [(132, 44, 40), (46, 74, 96), (60, 92, 60), (176, 140, 84), (110, 72, 48), (84, 60, 96)]
                    )
                    c.drawRect(
                        skia.Rect.MakeXYWH(x * w, ((k + 1) / rows - 0.015) * h - bh * h, bw * w * 0.95, bh * h),
                        skia.Paint(
                            AntiAlias=True,
                            Color=col(mul(b, r.uniform(0.7, 1.1))),
                            MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.006 * s),
                        ),
                    )
                    x += bw
                c.drawRect(
                    skia.Rect.MakeXYWH(0, ((k + 1) / rows - 0.02) * h, w, 0.022 * h),
                    skia.Paint(
                        Color=col((92, 62, 40)), MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.006 * s)
                    ),
                )
