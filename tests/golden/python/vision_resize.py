"""Resizing: OpenCV 4.10's bilinear, Pillow's bicubic, and the resize with centre crop of CLIP's image processor.

Source: `cv2.resize`; `PIL.Image.resize`; transformers `CLIPImageProcessorPil`.
"""

import cv2
import numpy
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import Golden, set_up
from vision_photographs import BYTES

# Width and height of the picture, then of the result.
SIZES = {
    "portrait_down": ((61, 97), (40, 64)),
    "landscape_down": ((97, 61), (33, 20)),
    "up": ((37, 23), (80, 53)),
    "half": ((64, 48), (32, 24)),
    "one_axis": ((50, 31), (50, 77)),
    "far_down": ((97, 61), (9, 5)),
    "from_one_pixel": ((1, 1), (4, 3)),
    "from_one_column": ((1, 7), (3, 20)),
    "to_one_pixel": ((37, 23), (1, 1)),
}
# Width and height of the picture; the crop is a square of this many pixels.
CROPS = {"portrait": (61, 97), "landscape": (97, 61), "up": (37, 23), "long": (20, 211), "square": (64, 64)}
CROP = 48


def picture(width, height):
    """Random bytes that depend on the size alone."""
    generator = numpy.random.default_rng([width, height])
    return generator.integers(0, 256, (height, width, 3), dtype=numpy.uint8)


def bilinear(picture, size):
    return cv2.resize(picture, size)


def bicubic(picture, size):
    return numpy.array(Image.fromarray(picture).resize(size, Image.BICUBIC))


def antialiased_bilinear(picture, size):
    return numpy.array(Image.fromarray(picture).resize(size, Image.BILINEAR))


def sharper_bicubic(picture, size):
    """OpenCV's kernel has a = -0.75 and does not widen."""
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)


def float_bilinear(picture, size):
    return numpy.rint(cv2.resize(picture.astype(numpy.float32), size)).astype(numpy.uint8)


def float_bicubic(picture, size):
    """Antialiased, but rounded to bytes once instead of after either axis."""
    planes = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(planes, size[::-1], mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def clip_crop(picture, **options):
    """The bytes that the processor would go on to normalise."""
    options = {"size": {"shortest_edge": CROP}, "crop_size": CROP, **options}
    processor = CLIPImageProcessorPil(do_rescale=False, do_normalize=False, **options)
    pixels = processor(Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
    return torch.from_numpy(numpy.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(numpy.uint8))


def add_sizes(golden):
    for name, (source, target) in SIZES.items():
        made = picture(*source)
        golden.input(f"size.{name}", torch.from_numpy(made))
        for method in (bilinear, bicubic):
            expected = torch.from_numpy(method(made, target))
            golden.expect(f"{method.__name__}.{name}", expected, tolerance=BYTES)
    faults = {
        "bilinear": {
            "antialiased": (antialiased_bilinear, ("portrait_down", "landscape_down", "far_down")),
            "float": (float_bilinear, ("portrait_down", "up", "one_axis")),
        },
        "bicubic": {
            "opencv_kernel": (sharper_bicubic, ("portrait_down", "up", "half", "one_axis")),
            "float": (float_bicubic, ("portrait_down", "landscape_down", "up")),
        },
    }
    for method, mutations in faults.items():
        for mutation, (fault, names) in mutations.items():
            for name in names:
                source, target = SIZES[name]
                faulty = torch.from_numpy(fault(picture(*source), target))
                golden.mutate(mutation, f"{method}.{name}", faulty)


def add_crops(golden):
    for name, size in CROPS.items():
        made = picture(*size)
        golden.input(f"crop.{name}", torch.from_numpy(made))
        golden.expect(f"clip_crop.{name}", clip_crop(made), tolerance=BYTES)
        golden.mutate("bilinear", f"clip_crop.{name}", clip_crop(made, resample=Image.BILINEAR))
        if name != "square":
            stretched = clip_crop(made, size={"height": CROP, "width": CROP})
            golden.mutate("stretched", f"clip_crop.{name}", stretched)


def main():
    set_up()
    golden = Golden("vision_resize")
    add_sizes(golden)
    add_crops(golden)
    golden.save()


if __name__ == "__main__":
    main()
