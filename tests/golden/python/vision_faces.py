"""YuNet on photographs, and the random embedder of the tests on one of the faces it finds.

Source: OpenCV `modules/objdetect/src/face_detect.cpp` (decoding), insightface `model_zoo/scrfd.py` (letterbox),
`model_zoo/arcface_onnx.py` (the embedder's input). The networks run in onnxruntime; OpenCV's own detector class must
find the same.

JPEG decoders differ by a level or two, and neighbouring cells of the detector's grid see a face with nearly the same
score (0.94745 and 0.94743 in impostor_1) but points several pixels apart, so the JPEGs' landmarks are expected to a
tenth of the distance between the eyes, the PNG's to a fraction of a pixel.
"""

import cv2
import numpy
import onnxruntime
import torch

from common import REPOSITORY, Golden, set_up
from vision_alignment import norm_crop
from vision_photographs import photograph

YUNET = str(REPOSITORY / "models/demo/face_detector/yunet_2023mar.onnx")
EMBEDDER = str(REPOSITORY / "tests/assets/presets/random/face_embedder/tiny_embedder.onnx")
CANVAS = 640
SCORE_THRESHOLD, OVERLAP_THRESHOLD = 0.6, 0.3
# In pixels of the photograph.
PIXEL_TOLERANCE = 2e-3
# In distances between the eyes.
JPEG_TOLERANCE = 0.1
SCORE_TOLERANCE = 1e-5
EMBEDDING_TOLERANCE = 1e-4


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def letterbox(picture, stretched=False, interpolation=cv2.INTER_LINEAR):
    """The picture in the top left of a black square, and its scale."""
    height, width = picture.shape[:2]
    ratio = height / width
    new_width, new_height = (int(CANVAS / ratio), CANVAS) if ratio > 1 else (CANVAS, int(CANVAS * ratio))
    if stretched:
        # Squares look alike stretched or not; two thirds of the height is wrong for all.
        new_height = new_height * 2 // 3
    canvas = numpy.zeros((CANVAS, CANVAS, 3), dtype=numpy.uint8)
    canvas[:new_height, :new_width] = cv2.resize(picture, (new_width, new_height), interpolation=interpolation)
    return canvas, numpy.float32(new_height / height)


def candidates(outputs):
    """Rows of score, box and landmarks on the canvas, highest score first."""
    rows = []
    for stride in (8, 16, 32):
        cls, obj, bbox, kps = (outputs[f"{name}_{stride}"][0] for name in ("cls", "obj", "bbox", "kps"))
        score = numpy.sqrt(cls.clip(0, 1) * obj.clip(0, 1))
        y, x = numpy.divmod(numpy.arange(len(score), dtype=numpy.float32), CANVAS // stride)
        cell = numpy.stack([x, y], axis=1)
        center, size = (cell + bbox[:, :2]) * stride, numpy.exp(bbox[:, 2:]) * stride
        points = (numpy.tile(cell, 5) + kps) * stride
        rows.append(numpy.concatenate([score, center - size / 2, center + size / 2, points], axis=1))
    rows = numpy.concatenate(rows)
    rows = rows[rows[:, 0] >= SCORE_THRESHOLD]
    return rows[numpy.argsort(-rows[:, 0], kind="stable")]


def overlap(one, other):
    """Intersection over union."""
    size = numpy.minimum(one[3:5], other[3:5]) - numpy.maximum(one[1:3], other[1:3])
    shared = size.clip(0).prod()
    return shared / ((one[3:5] - one[1:3]).prod() + (other[3:5] - other[1:3]).prod() - shared)


def detect(yunet, picture, channels=slice(None, None, -1), **options):
    """Rows of score, box (left, top, right, bottom) and landmarks in the photograph."""
    canvas, scale = letterbox(picture, **options)
    blob = numpy.ascontiguousarray(canvas[:, :, channels].transpose(2, 0, 1)[None].astype(numpy.float32))
    names = [output.name for output in yunet.get_outputs()]
    kept = []
    for row in candidates(dict(zip(names, yunet.run(None, {"input": blob})))):
        if all(overlap(row, other) <= OVERLAP_THRESHOLD for other in kept):
            kept.append(row)
    faces = numpy.stack(kept).astype(numpy.float32)
    faces[:, 1:] /= scale
    return faces


def opencv_detect(picture):
    """The same by OpenCV's class and its own runtime."""
    detector = cv2.FaceDetectorYN.create(YUNET, "", (CANVAS, CANVAS), SCORE_THRESHOLD, OVERLAP_THRESHOLD)
    canvas, scale = letterbox(picture)
    _, rows = detector.detect(numpy.ascontiguousarray(canvas[:, :, ::-1]))
    boxes = numpy.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    return numpy.concatenate([rows[:, 14:], boxes / scale, rows[:, 4:14] / scale], axis=1)


def only_face(yunet, file):
    """The one face that both runtimes find."""
    picture = photograph(file)
    faces = detect(yunet, picture)
    assert len(faces) == 1, (file, len(faces))
    assert numpy.abs(faces - opencv_detect(picture)).max() < 1e-2, file
    return faces[0]


def add_png(golden, yunet):
    """The astronaut's face, and where a wrong input would put it."""
    face, picture = only_face(yunet, "astronaut.png"), photograph("astronaut.png")
    faults = {
        "rgb_bgr": detect(yunet, picture, channels=slice(None)),
        "stretched": detect(yunet, picture, stretched=True),
        "nearest": detect(yunet, picture, interpolation=cv2.INTER_NEAREST),
    }
    parts = {
        "score": (slice(0, 1), SCORE_TOLERANCE),
        "bounding_box": (slice(1, 5), PIXEL_TOLERANCE),
        "landmarks": (slice(5, 15), PIXEL_TOLERANCE),
    }
    for part, (columns, tolerance) in parts.items():
        golden.expect(f"{part}.astronaut", torch.from_numpy(face[columns].copy()), tolerance=tolerance)
        for mutation, fault in faults.items():
            golden.mutate(mutation, f"{part}.astronaut", torch.from_numpy(fault[0, columns].copy()))
    return face[5:].reshape(5, 2)


def add_jpeg(golden, yunet, file):
    """The landmarks of another photograph."""
    landmarks = only_face(yunet, file)[5:].reshape(5, 2)
    tolerance = JPEG_TOLERANCE * float(numpy.linalg.norm(landmarks[1] - landmarks[0]))
    golden.expect(f"landmarks.{file.split('.')[0]}", torch.from_numpy(landmarks.flatten()), tolerance=tolerance)


def embedding(embedder, crop, channels=slice(None), scale=127.5):
    blob = ((crop[:, :, channels].astype(numpy.float32) - 127.5) / scale).transpose(2, 0, 1)[None]
    return torch.from_numpy(embedder.run(None, {"input": numpy.ascontiguousarray(blob)})[0][0])


def add_embedding(golden, landmarks):
    """The random embedder's raw vector of the astronaut's face, from given landmarks."""
    embedder, picture = session(EMBEDDER), photograph("astronaut.png")
    crop, loose = (norm_crop(picture, landmarks, 112).numpy() for landmarks in (landmarks, landmarks + 1))
    golden.input("landmarks.astronaut", torch.from_numpy(landmarks))
    golden.expect("embedding.astronaut", embedding(embedder, crop), tolerance=EMBEDDING_TOLERANCE)
    golden.mutate("rgb_bgr", "embedding.astronaut", embedding(embedder, crop, channels=slice(None, None, -1)))
    golden.mutate("divided_by_128", "embedding.astronaut", embedding(embedder, crop, scale=128))
    golden.mutate("one_pixel_off", "embedding.astronaut", embedding(embedder, loose))


def main():
    set_up()
    golden = Golden("vision_faces")
    yunet = session(YUNET)
    landmarks = add_png(golden, yunet)
    for file in ("person_a_2.jpg", "person_b_2.jpg", "impostor_1.jpg"):
        add_jpeg(golden, yunet, file)
    add_embedding(golden, landmarks)
    golden.save()


if __name__ == "__main__":
    main()
