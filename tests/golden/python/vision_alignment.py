"""Aligned face crops: scikit-image's similarity, OpenCV 4.10's warpAffine.

Source: insightface `utils/face_align.py` (`estimate_norm`, `norm_crop`; commit 7fadd42). Pictures are RGB here; the
reference's are BGR, which changes nothing but the order of the channels.
"""

import cv2
import numpy
import torch
from skimage import transform

from common import Golden, set_up
from vision_photographs import BYTES, photograph

TEMPLATE = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
# Of a matrix entry, in f64: the shift is a few hundred pixels.
MATRIX_TOLERANCE = 1e-9

# The face's center in the picture, its scale, its turn in degrees, whether it is mirrored, the size of the crop.
FACES = {
    "upright_small": ((80, 70), 0.6, 2, False, 112),
    "turned_large": ((90, 80), 1.3, 41, False, 224),
    "upside_down": ((85, 75), 0.9, 176, False, 112),
    "partly_outside": ((150, 20), 1.1, -23, False, 112),
    "mostly_outside": ((20, 160), 1.5, 5, False, 112),
    "mirrored": ((85, 75), 1.0, 8, True, 112),
    "size_with_margin": ((85, 75), 1.0, -4, False, 128),
}
# What YuNet finds in the photograph, rounded.
ASTRONAUT = [(201.6, 105.5), (245.3, 104.9), (221.0, 127.2), (204.1, 145.4), (242.4, 145.4)]


def template(size):
    """The five points in a crop of `size` pixels."""
    points = numpy.array(TEMPLATE, dtype=numpy.float32)
    if size % 112 == 0:
        return points * (size / 112)
    points = points * (size / 128)
    points[:, 0] += 8.0 * (size / 128)
    return points


def matrix(landmarks, points):
    """The similarity from the picture to the crop."""
    return transform.SimilarityTransform.from_estimate(landmarks, points).params[:2]


def warp(picture, matrix, size, **options):
    return torch.from_numpy(cv2.warpAffine(picture, matrix, (size, size), borderValue=0.0, **options))


def norm_crop(picture, landmarks, size):
    """The reference's crop."""
    return warp(picture, matrix(landmarks, template(size)), size)


def random_landmarks(center, scale, degrees, mirrored, generator):
    """A face somewhere in a picture, a little irregular."""
    points = numpy.array(TEMPLATE) - 56
    if mirrored:
        points[:, 0] *= -1
    angle = numpy.deg2rad(degrees)
    rotation = numpy.array([[numpy.cos(angle), -numpy.sin(angle)], [numpy.sin(angle), numpy.cos(angle)]])
    points = scale * (points @ rotation.T + generator.normal(size=(5, 2)))
    return (points + center).astype(numpy.float32)


def random_picture(generator, height, width):
    """Noise over a softer version of itself, so that neighbours are neither equal nor unrelated."""
    noise = generator.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    return cv2.addWeighted(noise, 0.5, cv2.GaussianBlur(noise, (0, 0), 4), 0.5, 0)


def add_face(golden, name, picture, landmarks, size):
    """A crop with its matrix, and what both would be with each fault."""
    exact = matrix(landmarks, template(size))
    golden.input(f"landmarks.{name}", torch.from_numpy(landmarks))
    golden.expect(f"matrix.{name}", torch.from_numpy(exact), tolerance=MATRIX_TOLERANCE)
    golden.expect(f"crop.{name}", warp(picture, exact, size), tolerance=BYTES)
    faults = {
        "left_and_right_swapped": matrix(landmarks[[1, 0, 2, 4, 3]], template(size)),
        "shear_allowed": cv2.estimateAffine2D(landmarks, template(size), method=cv2.LMEDS)[0],
        "f64_estimate": matrix(landmarks.astype(numpy.float64), template(size).astype(numpy.float64)),
    }
    for mutation, fault in faults.items():
        golden.mutate(mutation, f"matrix.{name}", torch.from_numpy(fault))
    # One face for each fault of the warp: pictures are large.
    warps = {
        "upright_small": {"nearest": {"flags": cv2.INTER_NEAREST}, "bicubic": {"flags": cv2.INTER_CUBIC}},
        "mostly_outside": {"replicated_border": {"borderMode": cv2.BORDER_REPLICATE}},
    }
    for mutation, options in warps.get(name, {}).items():
        golden.mutate(mutation, f"crop.{name}", warp(picture, exact, size, **options))


def main():
    set_up()
    generator = numpy.random.default_rng(11)
    golden = Golden("vision_alignment")
    picture = random_picture(generator, 150, 170)
    golden.input("picture", torch.from_numpy(picture))
    for name, (center, scale, degrees, mirrored, size) in FACES.items():
        landmarks = random_landmarks(center, scale, degrees, mirrored, generator)
        add_face(golden, name, picture, landmarks, size)
    for size in (112, 224):
        add_face(golden, f"astronaut_{size}", photograph("astronaut.png"), numpy.float32(ASTRONAUT), size)
    golden.save()


if __name__ == "__main__":
    main()
