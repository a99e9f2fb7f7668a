//! Files of many pixels, which are generated because they are too large to be
//! committed or simple enough.

use image::{ColorType, DynamicImage, ImageFormat};

use super::{exif, file as encoded};

/// Builds the file of `words`, see the table: a grey JPEG, a black PNG or a
/// WebP.
pub(super) fn file(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let (width, height) = words[1].split_once('x').unwrap();
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    match words[..] {
        ["png", _, color] => {
            let image = DynamicImage::new(width, height, color_type(color));
            encoded(image, ImageFormat::Png)
        }
        ["webp", _, groups] => webp((width, height), groups.parse().unwrap()),
        ["jpeg", _, process, sampling] => jpeg((width, height), process, sampling, 1),
        ["jpeg", _, process, sampling, "exif", orientation] => {
            let orientation = orientation.parse().unwrap();
            jpeg((width, height), process, sampling, orientation)
        }
        _ => panic!("unknown words {words:?}"),
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

/// Builds a JPEG whose coefficients are all zero, so that each is one bit of
/// its data: an encoder would need half a minute, and its memory would be
/// measured.
fn jpeg(size: (u32, u32), process: &str, sampling: &str, orientation: u8) -> Vec<u8> {
    let (frame, scan, bits): (u8, [u8; 3], usize) = match process {
        // A difference of zero and the end of the block.
        "baseline" => (0xC0, [0, 63, 0], 2),
        // A difference of zero; no finer scan follows.
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

/// Builds a lossless WebP that names this many groups of prefix codes and uses
/// the last. Each group takes 4 kB in the decoder and 88 bytes in the file.
fn webp(size: (u32, u32), groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(size.0 - 1, 14);
    bits.push(size.1 - 1, 14);
    // No alpha, the version, no transform, no cache, an entropy image with a
    // pixel for four, which has no cache.
    bits.push(0, 1 + 3 + 1 + 1);
    bits.push(1, 1);
    bits.push(0, 3 + 1);
    let last = groups - 1;
    for symbol in [last & 0xFF, last >> 8, 0, 0, 0] {
        bits.push(0b101, 3);
        bits.push(symbol, 8);
    }
    for _ in 0..groups {
        bits.push_code(24);
        (0..3).for_each(|_| bits.push_code(0));
        // Distances have only one.
        bits.push(0b0001, 4);
    }
    bits.bytes
        .resize(bits.bytes.len() + (size.0 * size.1 * 4) as usize, 0);
    let mut file = b"RIFF\0\0\0\0WEBPVP8L".to_vec();
    file.extend((bits.bytes.len() as u32 + 1).to_le_bytes());
    file.push(0x2F);
    file.extend(bits.bytes);
    let length = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&length);
    file
}

/// Writes bits, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        for place in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((bits >> place & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// Writes a code of 256 symbols of eight bits, and this many unused ones.
    fn push_code(&mut self, unused: u32) {
        // The lengths of the codes for 18 (zeros), 16 (repeats) and 8.
        self.push(0, 1);
        self.push(12 - 4, 4);
        for length in [0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2] {
            self.push(length, 3);
        }
        self.push(0, 1);
        self.push(0b01, 2);
        for repeats in [6; 42].into_iter().chain([3]) {
            self.push(0, 1);
            self.push(repeats - 3, 2);
        }
        if unused > 0 {
            self.push(0b11, 2);
            self.push(unused - 11, 7);
        }
    }
}
