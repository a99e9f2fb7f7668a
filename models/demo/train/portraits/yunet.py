"""YuNet in onnxruntime, as OpenCV decodes it."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIDE, THRESHOLD, OVERLAP = 640, 0.6, 0.3
MODEL = Path(__file__).parents[2] / "face_detector" / "yunet_2023mar.onnx"


def _overlap(one, other):
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = sides.clip(0).prod()
    return shared / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared)


class YuNet:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(MODEL), options)
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, picture):
        """Faces of an RGB picture, most certain first: score, box, five points."""
        scale = SIDE / max(picture.shape[:2])
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        canvas = np.zeros((SIDE, SIDE, 3), np.float32)
        canvas[: size[1], : size[0]] = np.asarray(Image.fromarray(picture).resize(size, Image.BILINEAR))[..., ::-1]
        outputs = self.session.run(None, {"input": canvas.transpose(2, 0, 1)[None]})
        found = self._candidates(dict(zip(self.names, outputs)), scale)
        kept = []
        for face in sorted(found, key=lambda face: -face[0]):
            if all(_overlap(face[1], other[1]) <= OVERLAP for other in kept):
                kept.append(face)
        return kept

    def _candidates(self, outputs, scale):
        for stride in (8, 16, 32):
            likely = outputs[f"cls_{stride}"][0, :, 0].clip(0, 1) * outputs[f"obj_{stride}"][0, :, 0].clip(0, 1)
            for at in np.flatnonzero(np.sqrt(likely) > THRESHOLD):
                cell = np.array([at % (SIDE // stride), at // (SIDE // stride)])
                box, points = outputs[f"bbox_{stride}"][0, at], outputs[f"kps_{stride}"][0, at].reshape(5, 2)
                centre, half = (cell + box[:2]) * stride, np.exp(box[2:]) * stride / 2
                yield (
                    float(np.sqrt(likely[at])),
                    np.concatenate([centre - half, centre + half]) / scale,
                    (cell + points) * stride / scale,
                )
