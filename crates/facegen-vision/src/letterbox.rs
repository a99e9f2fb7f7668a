//! Fits a photo of any size into the network's square input.
//!
//! Follows insightface's detectors (`model_zoo/scrfd.py`, commit 7fadd42): the longer side is
//! scaled to the detection size, up or down; the rest of the canvas is black, at the right and at
//! the bottom.

use facegen_image::{CHANNELS, RgbImage};

use crate::bilinear::resize_bilinear;
use crate::face::{Face, Landmarks};

/// A photo on the canvas, and the mapping back.
pub(crate) struct Letterbox {
    /// The network's input.
    pub(crate) canvas: RgbImage,
    /// Pixels of the canvas per pixel of the photo.
    scale: f32,
}

impl Letterbox {
    /// Scales the longer side of `photo` to `size` pixels, at most `side`, and places it at the top
    /// left of a black square of `side` pixels.
    pub(crate) fn new(photo: &RgbImage, size: usize, side: usize) -> Self {
        let (width, height) = fitted_size(photo.width(), photo.height(), size);
        let resized = resize_bilinear(photo, width, height);
        let mut canvas = RgbImage::black(side, side);
        for y in 0..height {
            canvas.row_mut(y)[..width * CHANNELS].copy_from_slice(resized.row(y));
        }
        let scale = (height as f64 / photo.height() as f64) as f32;
        Self { canvas, scale }
    }

    /// Maps a face on the canvas to pixels of the photo. Both axes share one scale, as in the
    /// reference, though the narrower side was truncated.
    pub(crate) fn to_photo(&self, face: &Face) -> Face {
        let Landmarks(points) = face.landmarks;
        Face {
            score: face.score,
            bounding_box: face.bounding_box.map(|value| value / self.scale),
            landmarks: Landmarks(points.map(|point| point.map(|value| value / self.scale))),
        }
    }
}

/// Returns the size of a photo scaled to a longer side of `side`; each side has at least 1 pixel.
pub(crate) fn fitted_size(width: usize, height: usize, side: usize) -> (usize, usize) {
    let ratio = height as f64 / width as f64;
    if ratio > 1.0 {
        (((side as f64 / ratio) as usize).max(1), side)
    } else {
        (side, ((side as f64 * ratio) as usize).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_fills_the_canvas() {
        assert_eq!(fitted_size(722, 899, 640), (513, 640));
        assert_eq!(fitted_size(1280, 886, 640), (640, 443));
        assert_eq!(fitted_size(512, 512, 640), (640, 640));
        assert_eq!(fitted_size(10, 20, 640), (320, 640));
        assert_eq!(fitted_size(1, 5000, 640), (1, 640));
        assert_eq!(fitted_size(5000, 1, 640), (640, 1));
    }

    #[test]
    fn the_photo_is_top_left_on_black() {
        let portrait = RgbImage::new(2, 4, vec![255; 24]).unwrap();
        let canvas = Letterbox::new(&portrait, 8, 8).canvas;
        for y in 0..8 {
            assert_eq!(canvas.row(y), [[255; 12], [0; 12]].concat());
        }
        let landscape = RgbImage::new(4, 2, vec![255; 24]).unwrap();
        let canvas = Letterbox::new(&landscape, 8, 8).canvas;
        assert_eq!(canvas.row(3), [255; 24]);
        assert_eq!(canvas.row(4), [0; 24]);
    }

    #[test]
    fn a_smaller_detection_size_leaves_black_on_both_sides() {
        let photo = RgbImage::new(4, 2, vec![255; 24]).unwrap();
        let letterbox = Letterbox::new(&photo, 4, 8);
        for y in 0..2 {
            assert_eq!(letterbox.canvas.row(y), [[255; 12], [0; 12]].concat());
        }
        assert_eq!(letterbox.canvas.row(2), [0; 24]);
        assert_eq!(letterbox.scale, 1.0);
    }

    #[test]
    fn coordinates_are_mapped_back_to_the_photo() {
        let photo = RgbImage::new(4, 2, vec![0; 24]).unwrap();
        let face = Face {
            score: 0.8,
            bounding_box: [2.0, 4.0, 6.0, 8.0],
            landmarks: Landmarks([[2.0, 1.0]; 5]),
        };
        let face = Letterbox::new(&photo, 8, 8).to_photo(&face);
        assert_eq!(face.bounding_box, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(face.landmarks.0[3], [1.0, 0.5]);
    }
}
