//! Turns an image upright in place.
//!
//! A photo of 40 megapixels takes 120 MB, and most cameras store portrait
//! photos on their side: a second copy would double the memory.

use image::metadata::Orientation;

/// Red, green and blue.
type Pixel = [u8; 3];

/// How many columns are transposed at a time.
const PANEL: usize = 64;

/// Applies `orientation` to `rgb`, of `width` × `height` pixels. Returns the
/// new width and height.
pub(super) fn turn(
    rgb: &mut [u8],
    (width, height): (u32, u32),
    orientation: Orientation,
) -> (u32, u32) {
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    let (columns, rows) = (width as usize, height as usize);
    match orientation {
        Orientation::NoTransforms => {}
        Orientation::FlipHorizontal => mirror(pixels, columns),
        Orientation::FlipVertical => flip(pixels, columns),
        Orientation::Rotate180 => pixels.reverse(),
        Orientation::Rotate90FlipH => transpose(pixels, columns, rows),
        Orientation::Rotate90 => {
            transpose(pixels, columns, rows);
            mirror(pixels, rows);
        }
        Orientation::Rotate270 => {
            transpose(pixels, columns, rows);
            flip(pixels, rows);
        }
        Orientation::Rotate270FlipH => {
            transpose(pixels, columns, rows);
            pixels.reverse();
        }
    }
    match orientation {
        Orientation::NoTransforms
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical
        | Orientation::Rotate180 => (width, height),
        Orientation::Rotate90FlipH
        | Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate270FlipH => (height, width),
    }
}

/// Swaps left and right.
fn mirror(pixels: &mut [Pixel], columns: usize) {
    pixels
        .chunks_exact_mut(columns)
        .for_each(<[Pixel]>::reverse);
}

/// Swaps top and bottom.
fn flip(pixels: &mut [Pixel], columns: usize) {
    pixels.reverse();
    mirror(pixels, columns);
}

/// Transposes the image. The columns are first gathered into panels, each a
/// contiguous image of [`PANEL`] columns, and the panels are then transposed
/// one by one. Only columns after the last whole panel and the current panel
/// are copied.
fn transpose(pixels: &mut [Pixel], columns: usize, rows: usize) {
    let whole = columns - columns % PANEL;
    let rest = transposed(columns - whole, rows, |x, y| {
        pixels[y * columns + whole + x]
    });
    for y in 0..rows {
        pixels.copy_within(y * columns..y * columns + whole, y * whole);
    }
    let (panels, end) = pixels.split_at_mut(whole * rows);
    gather(panels, whole / PANEL, rows);
    for panel in panels.chunks_exact_mut(PANEL * rows) {
        let turned = transposed(PANEL, rows, |x, y| panel[y * PANEL + x]);
        panel.copy_from_slice(&turned);
    }
    end.copy_from_slice(&rest);
}

/// Returns the columns of an image one after the other.
fn transposed(columns: usize, rows: usize, pixel: impl Fn(usize, usize) -> Pixel) -> Vec<Pixel> {
    let places = (0..columns).flat_map(|x| (0..rows).map(move |y| (x, y)));
    places.map(|(x, y)| pixel(x, y)).collect()
}

/// Makes the pieces of rows that belong to one panel contiguous: piece `panel`
/// of `row` moves to piece `row` of `panel`. Each move frees the place for the
/// next, until the cycle of the permutation is closed.
fn gather(pixels: &mut [Pixel], panels: usize, rows: usize) {
    let mut moved = vec![false; panels * rows];
    let mut carried = [[0; 3]; PANEL];
    for start in 0..moved.len() {
        if moved[start] {
            continue;
        }
        carried.copy_from_slice(piece(pixels, start));
        let mut place = start;
        loop {
            place = place % panels * rows + place / panels;
            carried.swap_with_slice(piece(pixels, place));
            moved[place] = true;
            if place == start {
                break;
            }
        }
    }
}

fn piece(pixels: &mut [Pixel], index: usize) -> &mut [Pixel] {
    &mut pixels[index * PANEL..][..PANEL]
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_orientation_is_that_of_the_image_crate(
            width in 1_u32..200,
            height in 1_u32..200,
            exif in 1_u8..=8,
        ) {
            let orientation = Orientation::from_exif(exif).unwrap();
            let image = RgbImage::from_fn(width, height, |x, y| {
                let number = (y * width + x).to_be_bytes();
                image::Rgb([number[1], number[2], number[3]])
            });
            let mut expected = DynamicImage::from(image.clone());
            expected.apply_orientation(orientation);
            let mut rgb = image.into_raw();
            let size = turn(&mut rgb, (width, height), orientation);
            prop_assert_eq!(size, (expected.width(), expected.height()));
            prop_assert!(rgb == expected.into_rgb8().into_raw());
        }
    }
}
