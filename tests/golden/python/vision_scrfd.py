"""SCRFD: the network, what is read out of its nine outputs, and both together on a photograph.

Source: insightface `python-package/insightface/model_zoo/scrfd.py` (`SCRFD.detect`; commit 7fadd42), imported and run
on random networks in onnxruntime (`faces_networks.py`), and on networks that always give the same predictions.
The network itself is also compared with its torch original in f64.
"""

import copy

import cv2
import numpy
import onnx
import torch
from insightface.model_zoo.scrfd import SCRFD
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from common import DATA, Golden, set_up
from faces_networks import INPUT, SCRFD_OUTPUTS, STRIDES, THIN, export_scrfd, run, scrfd, session
from vision_photographs import photograph

SIDE = 640
# Relative to the standard deviation of an output; onnxruntime itself is 0.6e-4 off f64.
NETWORK_TOLERANCE = 2e-4
# Of every output on the large canvas only every so manieth row is kept.
KEPT_ROWS = 32
SCORE_TOLERANCE = 1e-4
# In pixels of the photograph: with a network, and where the predictions are given.
PIXEL_TOLERANCE, DECODED_TOLERANCE = 5e-3, 1e-4
# Lists of faces are filled up with zeros to this length.
ROWS = 24
# Left, top, width and height of the parts of the astronaut's photograph, and the detection size.
PARTS = {
    "square": ((0, 0, 512, 512), 640),
    "portrait": ((100, 3, 201, 399), 640),
    "landscape": ((5, 40, 499, 203), 640),
    "smaller": ((100, 3, 201, 399), 320),
}
ODD = (170, 40, 136, 104)

# --- networks that always say the same -------------------------------------------------------------------------------
FIXED_SIDE = 64
# Stride, anchor of its cell, score, and the box on the canvas.
CROWD = [
    (8, 0, 0.9, (0, 0, 9, 6)),
    # Shares 40 of 100 pixels with the one before: exactly the threshold.
    (8, 1, 0.8, (0, 3, 9, 9)),
    (8, 0, 0.85, (30, 0, 39, 6)),
    # Shares more.
    (8, 1, 0.7, (30, 2, 39, 8)),
    (16, 0, 0.5, (0, 40, 11, 55)),
    (16, 1, float(numpy.nextafter(numpy.float32(0.5), numpy.float32(0))), (20, 40, 31, 55)),
    # The largest, and the one in the middle.
    (32, 1, 0.55, (40, 30, 62, 60)),
    (16, 0, 0.75, (27, 27, 37, 36)),
    # These two overlap too much only where the edges count as pixels.
    (8, 0, 0.65, (12, 12, 17, 17)),
    (8, 1, 0.6, (14.5, 12, 19.5, 17)),
]
NOBODY = [(8, 0, 0.49, (10, 10, 20, 20))]


def predictions(faces):
    """The nine outputs, of which most rows are noise without a score."""
    generator = numpy.random.default_rng(len(faces))
    outputs = []
    for numbers in (1, 4, 10):
        for stride in STRIDES:
            shape = (2 * (FIXED_SIDE // stride) ** 2, numbers)
            outputs.append(generator.uniform(0, 0.4, shape).astype(numpy.float32))
    for stride, anchor, score, box in faces:
        level, columns = STRIDES.index(stride), FIXED_SIDE // stride
        x, y = (int(min((low + high) / 2 // stride, columns - 1)) for low, high in (box[::2], box[1::2]))
        row = 2 * (y * columns + x) + anchor
        assert outputs[level][row, 0] < 0.4, "two faces at one anchor"
        centre = numpy.array([x * stride, y * stride])
        outputs[level][row] = score
        outputs[level + 3][row] = numpy.concatenate([centre - box[:2], box[2:] - centre]) / stride
        points = generator.integers(0, 9, (5, 2)) / 8 * (numpy.array(box[2:]) - box[:2]) + box[:2]
        outputs[level + 6][row] = ((points - centre) / stride).flatten()
    return outputs


def save_fixed(faces, path, names=SCRFD_OUTPUTS, batched=False):
    """A network that predicts the same for every picture. Its input counts for nothing."""
    nodes = [
        helper.make_node("ReduceMax", [INPUT], ["brightest"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value=numpy_helper.from_array(numpy.float32(0))),
        helper.make_node("Mul", ["brightest", "zero"], ["nothing"]),
    ]
    weights, outputs = [], []
    for name, values in zip(names, predictions(faces)):
        values = values[None] if batched else values
        weights.append(numpy_helper.from_array(values, f"values.{name}"))
        nodes.append(helper.make_node("Add", [f"values.{name}", "nothing"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
    picture = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, FIXED_SIDE, FIXED_SIDE])
    graph = helper.make_graph(nodes, "fixed", [picture], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
    model.ir_version = 6
    onnx.checker.check_model(model)
    onnx.save(model, path)
    path.chmod(0o644)


# --- faults ----------------------------------------------------------------------------------------------------------
def centres(size, shift=0.0, swapped=False, apart=False):
    """What `SCRFD` caches, with a fault."""
    cache = {}
    for stride in STRIDES:
        columns = size // stride
        y, x = numpy.mgrid[:columns, :columns]
        cells = numpy.stack([y, x] if swapped else [x, y], axis=-1).reshape(-1, 2).astype(numpy.float32)
        cells = (cells + numpy.float32(shift)) * stride
        cells = numpy.concatenate([cells, cells]) if apart else numpy.repeat(cells, 2, axis=0)
        cache[columns, columns, stride] = cells
    return cache


class EdgelessOverlap(SCRFD):
    """Boxes are measured without the pixel of their edge."""

    def nms(self, dets):
        dets = dets.copy()
        # The original adds 1 to sides that are 1 too short.
        dets[:, 2:4] -= 1
        return super().nms(dets)


class OverlapOnCanvas(SCRFD):
    """Boxes are measured before they are brought back to the photograph."""

    def nms(self, dets):
        dets = dets.copy()
        dets[:, :4] *= self.scale
        return super().nms(dets)


class TwoScales(SCRFD):
    """Either axis is brought back with a scale of its own."""

    def _detect_candidates(self, picture, input_size):
        dets, points = super()._detect_candidates(picture, input_size)
        height, width = picture.shape[:2]
        factor = numpy.float32(fitted(width, height, input_size[0])[1] / height)
        factor /= numpy.float32(fitted(width, height, input_size[0])[0] / width)
        dets[:, [0, 2]] *= factor
        points[:, :, 0] *= factor
        return dets, points


def fitted(width, height, size):
    ratio = height / width
    return (int(size / ratio), size) if ratio > 1 else (size, int(size * ratio))


def detect(path, picture, size, kind=SCRFD, swap=True, choice=None, **attributes):
    """Scores `[ROWS]` and boxes with landmarks `[ROWS, 14]` of an RGB picture, and how many there are."""
    detector = kind(session=session(path))
    for name, value in attributes.items():
        setattr(detector, name, value)
    picture = numpy.ascontiguousarray(picture[:, :, ::-1] if swap else picture)
    dets, points = detector.detect(picture, input_size=(size, size), **(choice or {}))
    rows = numpy.concatenate([dets[:, 4:], dets[:, :4], points.reshape(-1, 10)], axis=1)
    filled = numpy.zeros((ROWS, 15), dtype=numpy.float32)
    filled[: len(rows)] = rows[:ROWS]
    return torch.from_numpy(filled[:, 0].copy()), torch.from_numpy(filled[:, 1:].copy()), len(rows)


def expect(golden, name, found, tolerance):
    scores, faces, count = found
    assert count <= ROWS, (name, count)
    print(f"  {name}: {count} faces")
    golden.expect(f"scores.{name}", scores, tolerance=SCORE_TOLERANCE)
    golden.expect(f"faces.{name}", faces, tolerance=tolerance)


# --- the goldens -----------------------------------------------------------------------------------------------------
def add_decoding(golden):
    """The fixed networks on pictures of other shapes; only their size counts."""
    crowd, batched, nobody = (DATA / f"scrfd_{name}.onnx" for name in ("crowd", "crowd_batched", "nobody"))
    save_fixed(CROWD, crowd)
    names = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]
    save_fixed(CROWD, batched, names, batched=True)
    save_fixed(NOBODY, nobody)
    for name, (width, height) in {"exact": (64, 64), "tall": (61, 97), "wide": (96, 37)}.items():
        picture = numpy.zeros((height, width, 3), dtype=numpy.uint8)
        expect(golden, f"crowd.{name}", detect(crowd, picture, FIXED_SIDE), DECODED_TOLERANCE)
        same = zip(detect(crowd, picture, FIXED_SIDE), detect(batched, picture, FIXED_SIDE))
        assert all(numpy.array_equal(one, other) for one, other in same)
        scale = fitted(width, height, FIXED_SIDE)[1] / height
        faults = {
            "half_cell": {"center_cache": centres(FIXED_SIDE, shift=0.5)},
            "rows_as_columns": {"center_cache": centres(FIXED_SIDE, swapped=True)},
            "anchors_apart": {"center_cache": centres(FIXED_SIDE, apart=True)},
            "threshold_exclusive": {"det_thresh": float(numpy.nextafter(numpy.float32(0.5), numpy.float32(1)))},
            "no_suppression": {"nms_thresh": 1.0},
        }
        if name == "exact":
            below = float(numpy.nextafter(numpy.float32(0.4), numpy.float32(0)))
            faults |= {"overlap_exclusive": {"nms_thresh": below}, "edgeless_overlap": {"kind": EdgelessOverlap}}
        if name == "tall":
            faults |= {"two_scales": {"kind": TwoScales}, "overlap_on_canvas": {"kind": OverlapOnCanvas, "scale": scale}}
        for mutation, fault in faults.items():
            golden.mutate(mutation, f"faces.crowd.{name}", detect(crowd, picture, FIXED_SIDE, **fault)[1])
    add_choices(golden, crowd)
    black = numpy.zeros((48, 64, 3), dtype=numpy.uint8)
    expect(golden, "nobody", detect(nobody, black, FIXED_SIDE), DECODED_TOLERANCE)
    golden.mutate("threshold_0.45", "scores.nobody", detect(nobody, black, FIXED_SIDE, det_thresh=0.45)[0])


def add_choices(golden, crowd):
    """The one face that either metric of `max_num` chooses, and the one with the highest score instead."""
    picture = numpy.zeros((FIXED_SIDE, FIXED_SIDE, 3), dtype=numpy.uint8)
    highest = detect(crowd, picture, FIXED_SIDE, det_thresh=0.88)
    assert highest[2] == 1
    for name, metric in {"largest": "max", "center": "default"}.items():
        found = detect(crowd, picture, FIXED_SIDE, choice={"max_num": 1, "metric": metric})
        assert found[2] == 1
        expect(golden, f"chosen.{name}", found, DECODED_TOLERANCE)
        other = {"largest": "default", "center": "max"}[name]
        fault = detect(crowd, picture, FIXED_SIDE, choice={"max_num": 1, "metric": other})
        golden.mutate("other_metric", f"faces.chosen.{name}", fault[1])
        golden.mutate("highest_score", f"faces.chosen.{name}", highest[1])


def cut(picture, part):
    left, top, width, height = part
    return numpy.ascontiguousarray(picture[top : top + height, left : left + width])


def add_detection(golden, path):
    """Photograph in, faces out."""
    for name, (part, size) in PARTS.items():
        picture = cut(photograph("astronaut.png"), part)
        found = detect(path, picture, size)
        expect(golden, name, found, PIXEL_TOLERANCE)
        check_margins(path, picture, size, found)
        faults = {
            "rgb_bgr": {"swap": False},
            "divided_by_127.5": {"input_std": 127.5},
            "half_cell": {"center_cache": centres(size, shift=0.5)},
            "threshold_0.6": {"det_thresh": 0.6},
        }
        for mutation, fault in faults.items():
            scores, faces, _ = detect(path, picture, size, **fault)
            golden.mutate(mutation, f"faces.{name}", faces)
            if mutation != "half_cell":
                golden.mutate(mutation, f"scores.{name}", scores)


def check_margins(path, picture, size, found):
    """No face is so near a threshold, nor two scores so near each other, that rounding decides."""
    for attributes in ({"det_thresh": 0.4999}, {"det_thresh": 0.5001}, {"nms_thresh": 0.398}, {"nms_thresh": 0.402}):
        assert torch.equal(detect(path, picture, size, **attributes)[1], found[1]), attributes
    scores = found[0][: found[2]]
    assert (scores.diff().abs() > SCORE_TOLERANCE).all(), scores


def blob(picture, divisor=128.0):
    values = (torch.from_numpy(picture).float() - 127.5) / divisor
    return values.permute(2, 0, 1)[None].contiguous()


def tables(outputs, step):
    """Scores, boxes and landmarks, the three strides after one another."""
    kept = [output[::step] for output in outputs]
    return {kind: torch.cat(kept[3 * i : 3 * i + 3]) for i, kind in enumerate(("scores", "boxes", "points"))}


def average_with_padding(x):
    """A window over the edge counts the zeros beyond it."""
    return nn.functional.avg_pool2d(nn.functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)), 2)


def faulty_networks(network):
    """Copies of the network with one fault each, and the kind of output to show it on."""
    padded, smooth, unscaled = (copy.deepcopy(network) for _ in range(3))
    for module in padded.modules():
        if isinstance(module, nn.AvgPool2d):
            module.forward = average_with_padding
    smooth.neck.upsampling = "bilinear"
    for head in unscaled.heads:
        head.scale.fill_(1)
    return {"padding_counts": (padded, "boxes"), "bilinear": (smooth, "points"), "unscaled_boxes": (unscaled, "boxes")}


def add_network(golden, network, path):
    """What onnxruntime and torch say about two canvases."""
    square = photograph("astronaut.png")
    canvases = {"large": (large_canvas(square), KEPT_ROWS), "odd": (cut(square, ODD), 1)}
    double = copy.deepcopy(network).double()
    for name, (canvas, step) in canvases.items():
        values = blob(canvas)
        expected, exact = tables(run(session(path), values), step), tables(double(values.double()), step)
        for kind, tensor in expected.items():
            golden.expect(f"{kind}.{name}", tensor, relative=NETWORK_TOLERANCE, exact=exact[kind])
        inputs = {"rgb_bgr": values.flip(1), "divided_by_127.5": blob(canvas, 127.5)}
        for mutation, fault in inputs.items():
            for kind, tensor in tables(network(fault), step).items():
                golden.mutate(mutation, f"{kind}.{name}", tensor)
        for mutation, (fault, kind) in faulty_networks(network).items():
            if mutation != "padding_counts" or name == "odd":
                golden.mutate(mutation, f"{kind}.{name}", tables(fault(values), step)[kind])


def large_canvas(picture):
    return cv2.resize(picture, (SIDE, SIDE))


def main():
    set_up()
    golden = Golden("vision_scrfd")
    path = DATA / "scrfd.onnx"
    network = scrfd(THIN, blob(large_canvas(photograph("astronaut.png"))), seed=1, share=0.001)
    export_scrfd(network, path)
    add_network(golden, network, path)
    add_detection(golden, path)
    add_decoding(golden)
    golden.save()


if __name__ == "__main__":
    main()
