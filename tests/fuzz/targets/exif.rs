//! EXIF data, in a file of each format that holds them.

#![no_main]

use facegen_image::{ImageLimits, read_image};
use libfuzzer_sys::fuzz_target;

const LIMITS: ImageLimits = ImageLimits {
    max_bytes: 1_000_000,
    max_pixels: 10_000,
    min_side: 1,
};

const JPEG: &[u8] = include_bytes!("../../../crates/facegen-image/tests/assets/images/grey.jpg");
const PNG: &[u8] = include_bytes!("../../../crates/facegen-image/tests/assets/images/dot.png");
const WEBP: &[u8] = include_bytes!("../../../crates/facegen-image/tests/assets/images/dot.webp");

fuzz_target!(|data: &[u8]| {
    if data.len() > 60_000 {
        return;
    }
    for (file, sides) in [
        (jpeg(data), (48, 32)),
        (png(data), (1, 1)),
        (webp(data), (1, 1)),
    ] {
        let image = read_image(&file, &LIMITS).unwrap().image;
        let (width, height) = (image.width(), image.height());
        assert!((width, height) == sides || (height, width) == sides);
    }
});

fn jpeg(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 8).unwrap().to_be_bytes();
    [
        &JPEG[..2],
        b"\xff\xe1",
        &length,
        b"Exif\0\0",
        data,
        &JPEG[2..],
    ]
    .concat()
}

/// Writes a PNG. Checksums of other chunks than those of pixels are not compared.
fn png(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    // After the signature and the header.
    [&PNG[..33], &length, b"eXIf", data, &[0; 4], &PNG[33..]].concat()
}

fn webp(data: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let padding = vec![0; content.len() % 2];
        [name, &length, content, &padding].concat()
    };
    // The flag of EXIF data; both sides are stored as one less.
    let header = chunk(b"VP8X", &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let content = [b"WEBP", &header[..], &WEBP[12..], &chunk(b"EXIF", data)].concat();
    chunk(b"RIFF", &content)
}
