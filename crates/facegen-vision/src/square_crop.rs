//! The face crop for adapters without a recogniser.

use facegen_image::{CHANNELS, RgbImage};

use crate::face::Face;

/// The ratio of the crop's side to the longer side of the face's box.
const MARGIN: f32 = 1.5;
/// Limit on the ratio of the crop's side to the photo's longer one: a box can
/// extend beyond the photo, but a crop of mere border shows no face.
const LARGEST: usize = 2;

/// Crops a square around a face, 1.5 times its box. Beyond the photo, the
/// photo's border is repeated.
///
/// The published demo of `ip-adapter-plus-face` uses square images that show a
/// face and little else; how they were cropped is not published.
#[must_use]
pub fn square_crop(photo: &RgbImage, face: &Face) -> RgbImage {
    let [left, top, right, bottom] = face.bounding_box;
    let largest = LARGEST * photo.width().max(photo.height());
    let side = ((right - left).max(bottom - top) * MARGIN).round() as usize;
    let side = side.clamp(1, largest);
    let start = |low: f32, high: f32| ((low + high - side as f32) / 2.0).round() as isize;
    let columns = sources(start(left, right), side, photo.width());
    let rows = sources(start(top, bottom), side, photo.height());

    let mut crop = RgbImage::black(side, side);
    for (y, &row) in rows.iter().enumerate() {
        let row = photo.row(row);
        let pixels = crop.row_mut(y).chunks_exact_mut(CHANNELS);
        for (pixel, &column) in pixels.zip(&columns) {
            pixel.copy_from_slice(&row[column * CHANNELS..][..CHANNELS]);
        }
    }
    crop
}

/// Returns where each pixel of a crop is read along one axis.
fn sources(start: isize, side: usize, length: usize) -> Vec<usize> {
    let last = length as isize - 1;
    (0..side as isize)
        .map(|index| start.saturating_add(index).clamp(0, last) as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Landmarks;

    fn face(bounding_box: [f32; 4]) -> Face {
        Face {
            score: 1.0,
            bounding_box,
            landmarks: Landmarks([[0.0; 2]; 5]),
        }
    }

    /// Builds a photo whose red is the column and whose green is the row.
    fn photo(width: usize, height: usize) -> RgbImage {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 0]));
        RgbImage::new(width, height, pixels.collect()).unwrap()
    }

    fn corners(crop: &RgbImage) -> [[u8; 2]; 2] {
        let (first, last) = (crop.row(0), crop.row(crop.height() - 1));
        let end = last.len() - CHANNELS;
        [[first[0], first[1]], [last[end], last[end + 1]]]
    }

    #[test]
    fn the_square_is_one_and_a_half_times_the_longer_side() {
        let crop = square_crop(&photo(100, 80), &face([40.0, 30.0, 50.0, 50.0]));
        assert_eq!((crop.width(), crop.height()), (30, 30));
        assert_eq!(corners(&crop), [[30, 25], [59, 54]]);
    }

    #[test]
    fn the_border_is_repeated_beyond_the_photo() {
        let crop = square_crop(&photo(20, 10), &face([-4.0, 2.0, 8.0, 8.0]));
        assert_eq!((crop.width(), crop.height()), (18, 18));
        assert_eq!(corners(&crop), [[0, 0], [10, 9]]);
        let row = crop.row(9);
        assert_eq!([row[0], row[6 * CHANNELS], row[8 * CHANNELS]], [0, 0, 1]);
    }

    #[test]
    fn an_invalid_box_takes_no_memory() {
        for broken in [f32::NAN, f32::INFINITY, -1e30] {
            let crop = square_crop(&photo(8, 8), &face([broken, 0.0, 1e30, 5.0]));
            assert!(crop.width() <= 16);
        }
    }
}
