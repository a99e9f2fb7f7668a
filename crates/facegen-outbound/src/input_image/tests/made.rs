//! Files of many pixels, which are too large to be kept or too plain to need it.

use image::{ColorType, DynamicImage, ImageFormat};

use super::{exif, file as encoded};

/// The file of `words`, see the table: a grey JPEG or a black PNG.
pub(super) fn file(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let (width, height) = words[1].split_once('x').unwrap();
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    match words[..] {
        ["png", _, color] => {
            let image = DynamicImage::new(width, height, color_type(color));
            encoded(image, ImageFormat::Png)
        }
        ["jpeg", _, process, sampling] => jpeg((width, height), process, sampling, 1),
        ["jpeg", _, process, sampling, "exif", orientation] => {
            let orientation = orientation.parse().unwrap();
            jpeg((width, height), process, sampling, orientation)
        }
        _ => panic!("nobody makes {words:?}"),
    }
}

fn color_type(name: &str) -> ColorType {
    let all = [
        ColorType::L8,
        ColorType::La8,
        ColorType::Rgb8,
        ColorType::Rgba8,
        ColorType::L16,
        ColorType::La16,
        ColorType::Rgb16,
        ColorType::Rgba16,
    ];
    let found = all.into_iter().find(|color| format!("{color:?}") == name);
    found.unwrap()
}

/// A JPEG whose coefficients are all zero, so that each is one bit of its
/// data: an encoder would need half a minute and memory that is measured.
fn jpeg(size: (u32, u32), process: &str, sampling: &str, orientation: u8) -> Vec<u8> {
    let (frame, scan, bits): (u8, [u8; 3], usize) = match process {
        // A difference of zero and the end of the block.
        "baseline" => (0xC0, [0, 63, 0], 2),
        // A difference of zero; no scan of anything finer follows.
        "progressive" => (0xC2, [0, 0, 0], 1),
        other => panic!("no process is called {other}"),
    };
    let factor: u8 = if sampling == "2x2" { 2 } else { 1 };
    let side = 8 * u32::from(factor);
    let units = size.0.div_ceil(side) as usize * size.1.div_ceil(side) as usize;
    let blocks = units * (usize::from(factor * factor) + 2);
    let [width, height] = [size.0, size.1].map(|side| u16::try_from(side).unwrap().to_be_bytes());
    let mut table = [0; 18];
    table[1] = 1;
    let mut file = vec![0xFF, 0xD8];
    segment(
        &mut file,
        0xE1,
        &[b"Exif\0\0".as_slice(), &exif(orientation)].concat(),
    );
    segment(&mut file, 0xDB, &[[0].as_slice(), &[1; 64]].concat());
    let factors = factor << 4 | factor;
    let components = [3, 1, factors, 0, 2, 0x11, 0, 3, 0x11, 0];
    let header = [[8].as_slice(), &height, &width, &components].concat();
    segment(&mut file, frame, &header);
    segment(&mut file, 0xC4, &table);
    table[0] = 0x10;
    segment(&mut file, 0xC4, &table);
    segment(
        &mut file,
        0xDA,
        &[[3, 1, 0, 2, 0, 3, 0].as_slice(), &scan].concat(),
    );
    file.resize(file.len() + (blocks * bits).div_ceil(8), 0);
    file.extend([0xFF, 0xD9]);
    file
}

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = u16::try_from(content.len() + 2).unwrap();
    file.extend([0xFF, marker]);
    file.extend(length.to_be_bytes());
    file.extend(content);
}
