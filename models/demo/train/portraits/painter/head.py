"""The head: its outline, ears, and skin under the light."""

import numpy as np
import skia

from .palette import mix


class Head:
    """A height field whose slopes catch the light, clipped to the outline."""

    def outline(self):
        """The face from ear to ear round the chin, and the skull."""
        i = self.i
        fw, jw, cy = i["face_w"], i["jaw"], i["chin_y"]
        half = [
            (0, -1.12),
            (0.42 * fw / 0.85, -1.04),
            (0.74 * fw / 0.85, -0.72),
            (fw, -0.2),
            (fw * 0.985, 0.2),
            (fw * 0.90, 0.55),
            (jw * 1.12, 0.86),
            (jw * 0.62, cy - 0.09),
            (0.16, cy),
        ]
        zz = [0, 0, 0, 0, 0, 0.1, 0.22, 0.42, 0.5]
        right = [(x, y, z) for (x, y), z in zip(half, zz)]
        left = [(-x, y, z) for (x, y), z in zip(half[1:], zz[1:])][::-1]
        return right + left

    def shaded_skin(self):
        """Height field of the head -> normals -> light; a picture of the box round the head and its place."""
        i, v = self.i, self.v
        n = 144
        ext = 1.5
        ax = np.linspace(-ext, ext, n, dtype=np.float32)
        X, Y = np.meshgrid(ax, ax)  # rolled frame, pixels = o + R(x, y) * u
        Y = Y + 0.15
        yaw, pitch = v["yaw"], v["pitch"]

        # where features go under the turn: shift of a point with depth z
        def at(x, y, z=None):
            px, py = self.P(x, y, z)
            dx, dy = (px - self.ox) / self.u, (py - self.oy) / self.u - 0.9
            return dx * self.cr + dy * self.sr, -dx * self.sr + dy * self.cr + 0.9

        wid = np.interp(
            Y,
            [-1.2, -0.8, -0.2, 0.5, 0.9, i["chin_y"], 1.5],
            [0.5, 0.78, i["face_w"], i["face_w"] * 0.93, i["jaw"] * 1.1, 0.35, 0.3],
        ).astype(np.float32)
        cx = 0.25 * self.sy * np.clip((Y + 0.4) / 1.5, 0, 1)
        rr = ((X - cx) / (wid * 1.04)) ** 2
        yy = ((Y - 0.05) / np.where(Y < 0.05, 1.22, i["chin_y"] * 1.06)) ** 2
        H = 0.8 * np.sqrt(np.maximum(1 - np.minimum(rr, 1) * 0.86 - np.minimum(yy, 1.1) ** 2 * 0.12, 0.03))

        def bump(x, y, sx, sy_, a, z=None):
            bx, by = at(x, y, z)
            return a * np.exp(-(((X - bx) / sx) ** 2) - ((Y - by) / sy_) ** 2)

        nl, nw, ex = i["nose_l"], i["nose_w"], i["eye_x"]
        old = 1.0 if i["age"] == "old" else 0.5 if i["age"] == "middle-aged" else 0.0
        H = H + bump(0, 0.12, 0.09, 0.28, 0.10, 0.95) + bump(0, nl - 0.06, 0.13 * nw, 0.11, 0.16, 1.08)
        for s in (-1, 1):
            H = (
                H
                + bump(s * 0.13 * nw, nl - 0.01, 0.075, 0.075, 0.07, 0.92)
                + bump(s * 0.47, 0.36, 0.24, 0.2, 0.09)
                + bump(s * 0.3, -0.2, 0.26, 0.09, 0.07)
                - bump(s * ex, 0.0, 0.2, 0.13, 0.10)
            )
            H = H - bump(s * 0.34, 0.62, 0.07, 0.2, 0.02 + 0.03 * old) + bump(s * 0.3, 0.98, 0.3, 0.2, 0.02)
            H = H + bump(s * ex, 0.015, 0.15, 0.11, 0.06)
        H = (
            H
            + bump(0, nl + 0.28, 0.22, 0.045, 0.035)
            + bump(0, nl + 0.38, 0.2, 0.055, 0.05)
            - bump(0, nl + 0.47, 0.2, 0.05, 0.04)
            + bump(0, 1.05, 0.2, 0.12, 0.09, 0.75)
        )
        gy, gx = np.gradient(H, ax[1] - ax[0])
        inv = 1 / np.sqrt(gx * gx + gy * gy + 0.55)
        # light in the rolled frame
        lx, ly, lz = self.L
        lx, ly = lx * self.cr + ly * self.sr, -lx * self.sr + ly * self.cr
        d = (-gx * lx - gy * ly + 0.74 * lz) * inv
        d = np.clip((d + 0.35) / 1.35, 0, 1)
        sp = np.clip((-gx * lx * 0.6 - gy * (ly * 0.6 - 0.12) + 0.74) * inv, 0, 1) ** 26
        k = v["contrast"] * (0.72 if sum(i["skin"]) < 330 else 1.0)
        t = np.clip(0.97 + (d - 0.76) * 1.15 * k, 0.42, 1.22)
        self.dbg = t
        skin = np.array(i["skin"], np.float32) * np.array(self.tint, np.float32)
        # blush on cheeks and nose
        bl = np.zeros_like(H)
        for s in (-1, 1):
            bl += bump(s * 0.47, 0.4, 0.22, 0.17, 1.0)
        bl += bump(0, nl - 0.04, 0.13, 0.09, 0.7, 1.0)
        skinm = skin[None, None] * (1 - 0.10 * bl[..., None] * np.array([-0.25, 1.0, 0.8], np.float32))
        if i["freckles"]:
            rg = np.random.RandomState(i["tex"] % (1 << 31))
            for _ in range(46):
                fx, fy = rg.normal(0, 0.34), rg.normal(0.3, 0.1)
                skinm *= 1 - bump(fx, fy, 0.022, 0.022, 0.16)[..., None] * np.array([0.8, 1.1, 1.3], np.float32)
        e = np.array([0.72, 0.98, 1.02], np.float32)
        img = skinm * np.minimum(t, 1)[..., None] ** e
        hi = np.clip(t - 1, 0, 0.4)[..., None] * 0.5 + sp[..., None] * (0.17 if old < 1 else 0.12)
        img = img + (np.array([255, 250, 242], np.float32) - img) * hi
        rgba = np.empty((n, n, 4), np.uint8)
        rgba[..., :3] = np.clip(img, 0, 255)
        rgba[..., 3] = 255
        return rgba, ext

    def head(self):
        i, u, l = self.i, self.u, self.L[0]
        skin = i["skin"]
        for s in (-1, 1):  # ears
            if s * self.v["yaw"] < -0.34:
                pass
            ex = i["face_w"] * 0.97
            e = i["ear"] * 0.86
            ear = self.path(
                [
                    (s * ex, -0.08, -0.05),
                    (s * (ex + 0.16 * e), -0.14, -0.15),
                    (s * (ex + 0.2 * e), 0.1, -0.15),
                    (s * (ex + 0.1 * e), 0.38, -0.1),
                    (s * ex, 0.42, -0.05),
                    (s * (ex - 0.1), 0.2, 0),
                ]
            )
            k = 0.95 if s * l > 0.2 else 0.6 if s * l < -0.2 else 0.78
            self.fill(ear, self.lit(mix(skin, (210, 90, 80), 0.12), k))
            inner = self.path(
                [
                    (s * (ex + 0.03), 0, -0.1),
                    (s * (ex + 0.11 * e), -0.04, -0.15),
                    (s * (ex + 0.13 * e), 0.1, -0.15),
                    (s * (ex + 0.05 * e), 0.28, -0.1),
                ]
            )
            self.fill(inner, self.lit(mix(skin, (150, 50, 40), 0.3), k * 0.7), 0.7, 0.03)
            if i["earrings"]:
                x, y = self.P(s * (ex + 0.06), 0.47, -0.1)
                self.circle(
                    x,
                    y,
                    0.055 * u,
                    (214, 178, 80),
                    shader=self.rad((x - 0.02 * u, y - 0.02 * u), 0.08 * u, [(255, 240, 190), (176, 130, 40)]),
                )
        self.face_path = self.path(self.outline())
        rgba, ext = self.shaded_skin()
        im = skia.Image.fromarray(rgba, colorType=skia.kRGBA_8888_ColorType)
        c = self.c
        c.save()
        c.clipPath(self.face_path, skia.ClipOp.kIntersect, True)
        n = rgba.shape[0]
        m = skia.Matrix()
        # image px -> rolled frame -> pixels
        s = 2 * ext / (n - 1)
        a = s * u
        ox = -ext - s / 2
        oy = -ext + 0.15 - 0.9 - s / 2
        m.setAll(
            a * self.cr,
            -a * self.sr,
            self.ox + u * (ox * self.cr - oy * self.sr),
            a * self.sr,
            a * self.cr,
            self.oy + u * (0.9 + ox * self.sr + oy * self.cr),
            0,
            0,
            1,
        )
        c.concat(m)
        c.drawImage(im, 0, 0, skia.SamplingOptions(skia.FilterMode.kLinear))
        c.restore()
