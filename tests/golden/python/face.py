"""The photograph of the goldens: scikit-image's `astronaut` (NASA, public domain), cropped as insightface does.

Source: insightface `utils/face_align.py` (`norm_crop`): a similarity transform onto five template points, then
OpenCV's `warpAffine` (4.10, see requirements.txt).
"""

import cv2
import numpy
from skimage import data, transform

# Eyes, nose, corners of the mouth, in pixels of the photograph.
LANDMARKS = [(202, 106), (245, 105), (221, 127), (204, 145), (242, 145)]
TEMPLATE_112 = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]


def bgr_crop(size=224):
    """The aligned face, u8 `[size, size, 3]`, blue first, as it goes into the reference's image encoder."""
    photograph = numpy.ascontiguousarray(data.astronaut()[:, :, ::-1])
    landmarks = numpy.array(LANDMARKS, dtype=numpy.float32)
    template = numpy.array(TEMPLATE_112, dtype=numpy.float32) * (size / 112)
    matrix = transform.SimilarityTransform.from_estimate(landmarks, template).params[:2]
    return cv2.warpAffine(photograph, matrix, (size, size), borderValue=0.0)
