//! The scans of a JPEG, after a valid header.

#![no_main]

use facegen_image::{ImageLimits, read_image};
use libfuzzer_sys::fuzz_target;

const LIMITS: ImageLimits = ImageLimits {
    max_bytes: 1_000_000,
    max_pixels: 100_000,
    min_side: 1,
};

/// Factors of three components.
const SAMPLINGS: [[u8; 3]; 8] = [
    [0x11, 0x11, 0x11],
    [0x22, 0x11, 0x11],
    [0x21, 0x11, 0x11],
    [0x12, 0x11, 0x11],
    [0x11, 0x22, 0x22],
    [0x41, 0x21, 0x11],
    [0x31, 0x11, 0x11],
    [0x22, 0x41, 0x11],
];

fuzz_target!(|input: (u8, u8, u8, u8, &[u8])| {
    let (shape, width, height, restart, scans) = input;
    let mut file = b"\xff\xd8".to_vec();
    let process = [0xC0, 0xC2][usize::from(shape >> 7)];
    let [a, b, c] = SAMPLINGS[usize::from(shape & 7)];
    let components = [3, 1, a, 0, 2, b, 0, 3, c, 0];
    let size = [8, 0, height.max(1), 0, width.max(1)];
    segment(&mut file, 0xDB, &[[0].as_slice(), &[3; 64]].concat());
    segment(&mut file, process, &[size.as_slice(), &components].concat());
    segment(&mut file, 0xDD, &[0, restart]);
    for class in [0, 0x10] {
        // Sixteen codes of five bits.
        let mut table = [0; 17];
        (table[0], table[5]) = (class, 16);
        let symbols: Vec<u8> = match class {
            0 => (0..16).collect(),
            _ => vec![
                0, 1, 2, 3, 0x11, 0x12, 0x21, 0x31, 0xF0, 0x10, 0x20, 0xE0, 4, 0xF1, 0x0A, 5,
            ],
        };
        segment(&mut file, 0xC4, &[&table, symbols.as_slice()].concat());
    }
    if shape & 8 == 0 {
        let last = if process == 0xC0 { 63 } else { 0 };
        segment(&mut file, 0xDA, &[3, 1, 0, 2, 0, 3, 0, 0, last, 0]);
    }
    file.extend(scans);
    let Ok(photo) = read_image(&file, &LIMITS) else {
        return;
    };
    let image = &photo.image;
    let sides = (image.width(), image.height());
    assert_eq!(sides, (width.max(1).into(), height.max(1).into()));
    assert_eq!(read_image(&file, &LIMITS).unwrap(), photo);
});

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = u16::try_from(content.len() + 2).unwrap();
    file.extend([0xFF, marker]);
    file.extend(length.to_be_bytes());
    file.extend(content);
}
