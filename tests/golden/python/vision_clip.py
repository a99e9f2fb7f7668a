"""What CLIP's image encoder is fed: transformers' Pillow-based image processor with its defaults.

Source: transformers `CLIPImageProcessorPil`; IP-Adapter `ip_adapter_faceid.py`, which hands it a crop in OpenCV's
order of channels. Only every eighth pixel is kept.
"""

import cv2
import numpy
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import Golden, set_up
from vision_photographs import photograph

# The reference's rescaling has changed between versions by about 1e-7.
TOLERANCE = 3e-7
KEPT = 8


def every_level():
    """224x224 pixels that hold all bytes in all three channels, in different places."""
    index = numpy.arange(224 * 224).reshape(224, 224)
    # 37 and 225 are coprime to 256, and the kept pixels of a row start anew in every kept row.
    return numpy.stack([(index // KEPT * step + index // 224) % 256 for step in (1, 37, 225)], axis=2).astype(numpy.uint8)


def pixel_values(picture, **options):
    values = CLIPImageProcessorPil(**options)(Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
    return torch.from_numpy(values[:, ::KEPT, ::KEPT].copy())


def blue_first(picture):
    return numpy.ascontiguousarray(picture[:, :, ::-1])


def main():
    set_up()
    golden = Golden("vision_clip")
    pictures = {"levels": every_level(), "astronaut": photograph("astronaut.png")}
    golden.input("levels", torch.from_numpy(pictures["levels"]))
    for name, picture in pictures.items():
        rgb, bgr = pixel_values(picture), pixel_values(blue_first(picture))
        for order, values, other in (("rgb", rgb, bgr), ("bgr", bgr, rgb)):
            golden.expect(f"{order}.{name}", values, tolerance=TOLERANCE)
            golden.mutate("rgb_bgr", f"{order}.{name}", other)
        golden.mutate("mean_of_imagenet", f"rgb.{name}", pixel_values(picture, image_mean=[0.485, 0.456, 0.406]))
        golden.mutate("black_is_minus_one", f"rgb.{name}", pixel_values(picture, image_mean=[0.5] * 3, image_std=[0.5] * 3))
    assert all(len(set(channel.flatten().tolist())) == 256 for channel in pixel_values(pictures["levels"]))
    shrunk = cv2.resize(pictures["astronaut"], (224, 224))
    golden.mutate("bilinear", "rgb.astronaut", pixel_values(shrunk))
    golden.save()


if __name__ == "__main__":
    main()
